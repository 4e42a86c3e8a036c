"""OpenAI audio and images (OpenAI API reference, "Create speech", "Create transcription", "Create image").

What is sent as a form, as sound and pictures are, is read part by part by the backstop.
"""

from __future__ import annotations

from outgate.formats.shape import MEDIA, PLAIN, SYSTEM, USER, Place
from outgate.model import Role

AUDIO = Place(
    Role.METADATA,
    members={"model": PLAIN, "stream": PLAIN, "input": USER, "prompt": USER, "instructions": SYSTEM},
)
IMAGES = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "prompt": USER,
        "images": Place(Role.USER, items=Place(members={"image_url": MEDIA})),
    },
)

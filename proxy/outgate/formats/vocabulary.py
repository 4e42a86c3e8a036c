"""The APIs' own words, which tell nothing of anyone: exact keys, and exact values of certain keys.

Only what is spelled exactly so is left out of the segments. Any other key or value is read.
"""

from __future__ import annotations

from collections.abc import Mapping

STRUCTURAL_KEYS = frozenset(
    """
    model messages role content type text name id input instructions system tools tool_choice
    function functions arguments parameters properties required description stream stream_options
    temperature top_p top_k max_tokens max_completion_tokens max_output_tokens stop n seed user
    metadata tool_calls tool_call_id call_id tool_use_id tool_use tool_result is_error
    input_schema cache_control ttl source media_type data url image_url input_text output_text
    detail contents parts inlineData inline_data mimeType mime_type functionCall functionResponse
    functionDeclarations generationConfig safetySettings systemInstruction system_instruction
    thoughtSignature thought_signature response args reasoning effort summary include store
    parallel_tool_calls previous_response_id prompt_cache_key service_tier thinking budget_tokens
    signature encrypted_content status output title enum items additionalProperties default strict
    anyOf oneOf allOf schema format response_format json_schema logprobs file_id file_data
    filename presence_penalty frequency_penalty include_usage citations context_management
    thinkingConfig includeThoughts thinkingBudget maxOutputTokens topP topK prompt suffix
    toolConfig inferenceConfig toolUse toolResult toolUseId toolSpec inputSchema json bytes
    """.split()
)

STRUCTURAL_VALUES: Mapping[str, frozenset[str]] = {
    "role": frozenset("system developer user assistant tool function model".split()),
    "type": frozenset(
        """
        text image_url input_text output_text function function_call function_call_output message
        reasoning tool_use tool_result thinking redacted_thinking image document ephemeral custom
        base64 url object string number integer boolean array null json_schema json_object
        input_image input_file input_audio file enabled disabled adaptive auto any tool none
        """.split()
    ),
}

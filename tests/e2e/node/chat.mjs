// One answer, one stream and one blocked call with the npm client, told as JSON.
import OpenAI from "openai";
import { ProxyAgent, fetch as undiciFetch } from "undici";

const dispatcher = new ProxyAgent(process.env.PROXY);
const client = new OpenAI({
  apiKey: "k",
  fetch: (url, init) => undiciFetch(url, { ...init, dispatcher }),
});
const ask = (content, extra = {}) =>
  client.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content }], ...extra });

const told = { answer: (await ask("hello")).choices[0].message.content, streamed: "" };
for await (const chunk of await ask("hello", { stream: true })) {
  told.streamed += chunk.choices[0]?.delta?.content ?? "";
}
try {
  await ask(process.env.SECRET);
} catch (error) {
  told.status = error.status;
  told.message = error.message;
}
console.log(JSON.stringify(told));
process.exit(0);

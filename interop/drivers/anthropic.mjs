import Anthropic from "@anthropic-ai/sdk"

const [url, aborted] = process.argv.slice(2)
const client = new Anthropic({ baseURL: url, apiKey: "none" })
const ask = () => client.messages.create({ model: "fake", max_tokens: 100, messages: [], stream: true })

let n = 0
for await (const event of await ask()) {
  if (event.type != "content_block_delta") continue
  console.log("first", event.delta.text)
  if (++n == aborted) break // aborts the request
}
for await (const event of await ask()) {
  if (event.type == "content_block_delta") console.log("again", event.delta.text)
}
process.exit()

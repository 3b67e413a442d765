import OpenAI from "openai"

const [url, aborted] = process.argv.slice(2)
const client = new OpenAI({ baseURL: url, apiKey: "none" })

let n = 0, id, last
for await (const event of await client.responses.create({ model: "fake", input: "", stream: true, background: true })) {
  last = event.sequence_number
  if (event.type == "response.created") id = event.response.id
  if (event.type != "response.output_text.delta") continue
  console.log("first", event.delta)
  if (++n == aborted) break // aborts the request
}
for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: last })) {
  if (event.type == "response.output_text.delta") console.log("again", event.delta)
}
process.exit()

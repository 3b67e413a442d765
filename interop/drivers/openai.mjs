import OpenAI from "openai"

const [url, aborted] = process.argv.slice(2)
const client = new OpenAI({ baseURL: url, apiKey: "none" })
const ask = () => client.chat.completions.create({ model: "fake", messages: [], stream: true })

let n = 0
for await (const chunk of await ask()) {
  console.log("first", chunk.choices[0].delta.content)
  if (++n == aborted) break // aborts the request
}
for await (const chunk of await ask()) console.log("again", chunk.choices[0].delta.content)
process.exit()

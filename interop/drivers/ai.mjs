import { DefaultChatTransport } from "ai"

const [url, aborted] = process.argv.slice(2)
const transport = new DefaultChatTransport({ api: url + "/chat" })

if (!(await transport.reconnectToStream({ chatId: "c" }))) console.log("nothing under way")
let n = 0
for await (const chunk of await transport.sendMessages({ chatId: "c", trigger: "submit-message", messages: [] })) {
  if (chunk.type != "text-delta") continue
  console.log("first", chunk.delta)
  if (++n == aborted) break // cancels the stream, and with it the request
}
for await (const chunk of await transport.reconnectToStream({ chatId: "c" })) {
  if (chunk.type == "text-delta") console.log("again", chunk.delta)
}
process.exit()

import { AbstractChat, DefaultChatTransport } from "ai"

const [url] = process.argv.slice(2)

// State is what a user interface keeps of a chat.
class State {
  status = "ready"
  error = undefined
  constructor(messages) {
    this.messages = messages
  }
  pushMessage = (message) => this.messages.push(message)
  popMessage = () => this.messages.pop()
  replaceMessage = (index, message) => (this.messages[index] = message)
  snapshot = structuredClone
}

class Chat extends AbstractChat {
  constructor(id, messages = []) {
    super({ id, state: new State(messages), transport: new DefaultChatTransport({ api: url + "/chat" }) })
  }
}

const textOf = (message) => message.parts.map((part) => part.text ?? "").join("")
const show = (what, chat) =>
  console.log([what, chat.status, ...chat.messages.map((m) => m.role + ":" + textOf(m))].join("|"))

// until waits until the last message of the chat contains text.
async function until(chat, text) {
  while (!textOf(chat.messages.at(-1)).includes(text)) await new Promise((resolve) => setTimeout(resolve, 5))
}

const chat = new Chat("c")
await chat.resumeStream()
show("before", chat)

await chat.sendMessage({ text: "why?" }) // the connection is cut
console.log("cut", chat.status)
const resumed = chat.resumeStream()
await until(chat, " 25 ")

// A page that is loaded again has the messages that its server has stored: the one of the user.
const reloaded = new Chat("c", [structuredClone(chat.messages[0])])
const tab = new Chat("c", [structuredClone(chat.messages[0])])
await Promise.all([resumed, reloaded.resumeStream(), tab.resumeStream()])
show("resumed", chat)
show("reloaded", reloaded)
show("tab", tab)
await reloaded.resumeStream()
show("after", reloaded)

const stopped = new Chat("d")
const sent = stopped.sendMessage({ text: "why?" })
while (stopped.messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
await until(stopped, " 5 ")
console.log("stop", (await fetch(url + "/chat/d/stream", { method: "DELETE" })).status)
await sent
const text = textOf(stopped.messages[1])
console.log("stopped", stopped.status, stopped.messages.length, text.includes(" 59 "))

const failed = new Chat("fails")
await failed.sendMessage({ text: "why?" })
console.log("failed", failed.status, failed.error.message, textOf(failed.messages[1]))
process.exit()

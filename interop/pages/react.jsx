// A page with the chat of the AI SDK for React. It keeps the messages of the user, as a server would.
import { useChat } from "@ai-sdk/react"
import { DefaultChatTransport } from "ai"
import { createRoot } from "react-dom/client"

const stored = JSON.parse(sessionStorage.messages || "[]")

function Chat() {
  const { messages, status, sendMessage } = useChat({
    id: "page",
    messages: stored,
    resume: true,
    transport: new DefaultChatTransport({ api: "/chat" }),
  })
  const ask = () => {
    const message = { id: "question", role: "user", parts: [{ type: "text", text: "why?" }] }
    sessionStorage.messages = JSON.stringify([message])
    sendMessage(message)
  }
  return (
    <>
      <button onClick={ask}>Ask</button>
      <p>{status}</p>
      {messages.map((message) => (
        <p key={message.id}>{message.role + ":" + message.parts.map((part) => part.text ?? "").join("")}</p>
      ))}
    </>
  )
}

createRoot(document.getElementById("chat")).render(<Chat />)

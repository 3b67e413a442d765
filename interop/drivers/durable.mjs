import { roles } from "./durable-client.mjs"

const [role, ...args] = process.argv.slice(2)
await roles[role](console.log, ...args)

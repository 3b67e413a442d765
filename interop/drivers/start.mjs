// It is imported before each driver: the driver lives until its parent closes its standard input.
process.stdin.on("end", () => process.exit()).resume()

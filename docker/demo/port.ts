import { createServer } from 'node:net'

/** Not the service's own default: 6000 is one of the ports that browsers and `fetch` refuse (Fetch standard). */
const USUAL_PORT = 6080

function tryToListen(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address && typeof address === 'object' ? address.port : undefined))
    })
  })
}

/** The usual port if it is free on 127.0.0.1, otherwise one that is. */
export async function choosePort(): Promise<{ port: number; taken: number | undefined }> {
  const usual = await tryToListen(USUAL_PORT)
  if (usual !== undefined) return { port: usual, taken: undefined }
  const port = await tryToListen(0)
  if (port === undefined) throw new Error('no port is free on 127.0.0.1')
  return { port, taken: USUAL_PORT }
}

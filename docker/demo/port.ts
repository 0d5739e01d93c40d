import { createServer } from 'node:net'

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

/** Returns the usual port if it is free on 127.0.0.1, otherwise one that is. */
export async function choosePort(usual: number): Promise<number> {
  const port = (await tryToListen(usual)) ?? (await tryToListen(0))
  if (port === undefined) throw new Error('no port is free on 127.0.0.1')
  return port
}

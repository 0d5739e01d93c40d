import { type AddressInfo, createServer } from 'node:net'

/** Finds a port that is free now, for a program that is told which one to listen at. */
export async function findPort(host = '127.0.0.1'): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

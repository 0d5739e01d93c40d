import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lookThrough } from './secret-watch.ts'

/** Answers that may hold a signature. */
const SIGNED = /HTTP\/1\.1 200 .*?(?=HTTP\/1\.1 \d|$)/gs

/**
 * Sends bytes that need not be HTTP, and reads until the service closes the connection.
 *
 * @param url of the service
 * @param parts are sent one after the other, `pauseMs` apart; what comes after the service has closed is dropped
 * @throws when the connection is reset before anything was read
 */
export function sendRaw(url: string, parts: readonly (string | Buffer)[], pauseMs = 20): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('end', () => {
      socket.destroy()
      lookThrough('a refusal', received.replace(SIGNED, ''))
      resolve(received)
    })
    socket.on('error', (error) => (received === '' ? reject(error) : resolve(received)))
    socket.on('connect', async () => {
      for (const part of parts) {
        if (socket.writable) {
          socket.write(part)
          await delay(pauseMs)
        }
      }
    })
  })
}

/** Requests that are sent behind one another on a connection; the service closes one with many more. */
const PIPELINED = 8

/**
 * Sends a request many times at once, eight behind one another on each connection.
 *
 * @param head request line and headers, each with its end
 * @returns all answers, one behind the other
 */
export async function sendManyRaw(url: string, head: string, connections: number): Promise<string> {
  const requests = `${`${head}\r\n`.repeat(PIPELINED - 1)}${head}Connection: close\r\n\r\n`
  const answers = await Promise.all(Array.from({ length: connections }, () => sendRaw(url, [requests])))
  return answers.join('')
}

/** One answer read by `sendRaw`, taken apart. */
export function parseAnswer(text: string) {
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const body = Buffer.from(text.slice(end + 4), 'latin1')
  return {
    statusCode: Number(statusLine.split(' ')[1]),
    headers,
    body,
    json: (): Record<string, unknown> => JSON.parse(body.toString('utf8')),
  }
}

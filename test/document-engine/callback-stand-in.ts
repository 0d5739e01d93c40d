import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestKeys } from './test-keys.ts'

const run = promisify(execFile)
const DIGESTS: Record<string, string> = { sha160: 'sha1' }

export interface CallbackStandIn {
  url: string
  /** Bodies received, in order. */
  requests: Record<string, string>[]
  close(): Promise<void>
}

export type Responder = (body: Record<string, string>, response: ServerResponse) => Promise<void> | void

const base64 = (text: Uint8Array): string => Buffer.from(text).toString('base64')

/** Answers the three actions with the openssl command and keys in files. */
function opensslResponder(dir: string, keys: TestKeys): Responder {
  const input = join(dir, 'to-sign')
  const output = join(dir, 'signature')
  return async (body, response) => {
    if (body.action === 'get_certificates') {
      const answer = {
        certificates: [base64(await readFile(keys.leafCertificate))],
        ca_certificates: [base64(await readFile(keys.rootCertificate))],
      }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
      return
    }
    const hash = DIGESTS[body.hash_algorithm ?? ''] ?? body.hash_algorithm ?? ''
    if (body.action === 'sign') {
      await writeFile(input, Buffer.from(body.data_to_be_signed ?? '', 'base64'))
      await run('openssl', ['dgst', `-${hash}`, '-sign', keys.leafKey, '-out', output, input])
    } else {
      await writeFile(input, Buffer.from(body.encoded_contents ?? '', 'base64'))
      const certificate = [
        '-signer',
        keys.leafCertificate,
        '-inkey',
        keys.leafKey,
        '-certfile',
        keys.rootCertificate,
      ]
      const type = body.signature_type === 'cades' ? ['-cades'] : []
      const files = ['-in', input, '-out', output, '-outform', 'DER']
      await run('openssl', [
        'cms',
        '-sign',
        '-binary',
        '-nosmimecap',
        '-md',
        hash,
        ...type,
        ...certificate,
        ...files,
      ])
    }
    response.setHeader('content-type', 'application/octet-stream').end(await readFile(output))
  }
}

/** A signing service of a few lines on a free port; `respond` replaces what it answers. */
export async function startCallbackStandIn(
  dir: string,
  keys: TestKeys,
  respond: Responder = opensslResponder(dir, keys),
): Promise<CallbackStandIn> {
  const requests: Record<string, string>[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, string>
    requests.push(body)
    await respond(body, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sign`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

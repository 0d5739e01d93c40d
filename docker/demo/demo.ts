import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makeNssDatabase } from '../../test/support/validators/nss.ts'
import { parseArguments, UsageError } from './arguments.ts'
import { endSignal } from './end-signal.ts'
import { choosePort } from './port.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { signSample } from './signatures.ts'
import { createDemoToken } from './token.ts'

// This file runs as dist/docker/demo/demo.js; the scripts and the sample are not part of the build.
const repository = fileURLToPath(new URL('../../../', import.meta.url))
const scripts = join(repository, 'docker')
const folder = join(repository, '.demo')

const READY_TIMEOUT_MS = 60_000
/** The server drains what is in flight; its own limit of that is shorter. */
const STOP_GRACE_MS = 15_000

const shown = (path: string): string => relative(process.cwd(), path)

/** The validators run `openssl`, which is LibreSSL on macOS; the scripts know where OpenSSL 3 is. */
async function putOpensslFirst(): Promise<void> {
  const { stdout } = await promisify(execFile)(join(scripts, 'openssl-path.sh'))
  const path = process.env.PATH ?? ''
  const found = dirname(stdout.trim())
  if (!path.split(delimiter).includes(found)) process.env.PATH = `${found}${delimiter}${path}`
}

async function start(port: number): Promise<{ server: ServerProcess; url: string; root: string }> {
  const token = await createDemoToken(folder, scripts)
  console.log(`Token   '${token.label}' in ${shown(folder)}/, with an RSA-2048 key that was generated on it`)
  const origin = `http://127.0.0.1:${port}`
  const logFile = join(folder, 'server.log')
  const server = startServer({
    script: join(repository, 'dist/src/server.js'),
    environment: {
      ...token.environment,
      SIGNING_SERVICE_HOST: '127.0.0.1',
      SIGNING_SERVICE_PORT: String(port),
      LOG_LEVEL: 'info',
    },
    readyUrl: `${origin}/health/ready`,
    logFile,
  })
  console.log(`Server  ${origin}/sign, process ${server.pid}, log in ${shown(logFile)}`)
  return { server, url: `${origin}/sign`, root: token.root }
}

/** Signs, validates and prints; whether all signatures are valid. */
async function showSignatures(url: string, root: string): Promise<boolean> {
  const nss = join(folder, 'nss-not-for-production')
  await rm(nss, { recursive: true, force: true })
  const nssDatabase = await makeNssDatabase(nss, [root])
  const samplePdf = join(repository, 'test/support/document-engine/sample.pdf')
  const verdicts = await signSample({ url, samplePdf, folder, nssDatabase, root })
  for (const { description, path, valid, findings } of verdicts) {
    console.log(`\n${valid ? 'VALID  ' : 'INVALID'} ${path ? shown(path) : 'not signed'}  (${description})`)
    for (const finding of findings) console.log(`        ${finding}`)
  }
  const validCount = verdicts.filter(({ valid }) => valid).length
  console.log(`\n${validCount} of ${verdicts.length} signatures are valid.`)
  return validCount === verdicts.length
}

function sayWhatToTry(url: string): void {
  console.log(`
Serving until Ctrl-C. To try:

  curl -s -H 'content-type: application/json' -d '{"action":"get_certificates"}' ${url}
  npm run sign-pdf -- ${shown(join(folder, 'cades-raw.pdf'))} signed-twice.pdf --url ${url}
`)
}

async function run(args: readonly string[], ended: Promise<number>): Promise<number> {
  const { once, port: wanted } = parseArguments(args)
  await putOpensslFirst()
  const { port, taken } = wanted === undefined ? await choosePort() : { port: wanted, taken: undefined }
  if (taken !== undefined) console.log(`Port ${taken} is taken; using ${port}`)
  const { server, url, root } = await start(port)

  let serving = false
  const work = async (): Promise<number> => {
    await server.ready(READY_TIMEOUT_MS)
    const allValid = await showSignatures(url, root)
    if (once || !allValid) return allValid ? 0 : 1
    sayWhatToTry(url)
    serving = true
    await server.exited
    throw new Error(`The server has ended; ${shown(join(folder, 'server.log'))} says why`)
  }
  const interrupted = ended.then((signal) => {
    console.log('\nStopping the server')
    return serving ? 0 : 128 + signal
  })
  try {
    return await Promise.race([work(), interrupted])
  } finally {
    await server.stop(STOP_GRACE_MS)
  }
}

/**
 * Runs the demonstration.
 *
 * @param args the command line, without those of node itself
 * @returns the exit code: 0 if all signatures are valid, 1 if not, 2 for wrong usage, 128 and the signal's number if it
 * was interrupted before it could tell
 */
export async function demo(args: readonly string[]): Promise<number> {
  try {
    return await run(args, endSignal())
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return error instanceof UsageError ? 2 : 1
  }
}

import { execFile } from 'node:child_process'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseArguments, UsageError } from './arguments.ts'
import { endSignal } from './end-signal.ts'
import { choosePort } from './port.ts'
import { signSample } from './signatures.ts'
import { type Demo, SAMPLE_PDF, startDemo } from './start.ts'

// This file runs as dist/docker/demo/demo.js.
const repository = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(repository, '.demo')

const READY_TIMEOUT_MS = 60_000
/** Not the service's own default: 6000 is one of the ports that browsers and `fetch` refuse (Fetch standard). */
const USUAL_PORTS = { service: 6080, page: 6081, authorities: 6082 }

const shown = (path: string): string => relative(process.cwd(), path)

/** The validators run `openssl`, which is LibreSSL on macOS; the scripts know where OpenSSL 3 is. */
async function putOpensslFirst(): Promise<void> {
  const { stdout } = await promisify(execFile)(join(repository, 'docker/openssl-path.sh'))
  const path = process.env.PATH ?? ''
  const found = dirname(stdout.trim())
  if (!path.split(delimiter).includes(found)) process.env.PATH = `${found}${delimiter}${path}`
}

async function start(wanted: number | undefined): Promise<Demo> {
  const ports = {
    service: wanted ?? (await choosePort(USUAL_PORTS.service)),
    page: await choosePort(USUAL_PORTS.page),
    authorities: await choosePort(USUAL_PORTS.authorities),
  }
  if (wanted === undefined && ports.service !== USUAL_PORTS.service) {
    console.log(`Port ${USUAL_PORTS.service} is taken; using ${ports.service}`)
  }
  const demo = await startDemo({ folder, ports })
  const { tokenLabel, service, server, logFile } = demo
  console.log(`Token   '${tokenLabel}' in ${shown(folder)}/, with keys that were generated on it`)
  console.log(`Server  ${service}/sign, process ${server.pid}, log in ${shown(logFile)}`)
  return demo
}

/** Signs, validates and prints; whether all signatures are valid. */
async function showSignatures({ service, tokens, anchors }: Demo): Promise<boolean> {
  const url = `${service}/sign`
  const issueToken = () => tokens.issue()
  const verdicts = await signSample({ url, samplePdf: SAMPLE_PDF, folder, anchors, issueToken })
  for (const { description, path, valid, findings } of verdicts) {
    console.log(`\n${valid ? 'VALID  ' : 'INVALID'} ${path ? shown(path) : 'not signed'}  (${description})`)
    for (const finding of findings) console.log(`        ${finding}`)
  }
  const validCount = verdicts.filter(({ valid }) => valid).length
  console.log(`\n${validCount} of ${verdicts.length} signatures are valid.`)
  return validCount === verdicts.length
}

function sayWhatToTry(page: string, { service }: Demo): void {
  const url = `${service}/sign`
  const signed = shown(join(folder, 'cades-raw.pdf'))
  console.log(`
Serving until Ctrl-C. Sign a PDF of your own in a browser:

  ${page}

Or in another terminal, with a token for the next minute:

  curl -s -H 'content-type: application/json' -d '{"action":"get_certificates"}' ${url}
  npm run sign-pdf -- ${signed} signed-twice.pdf --url ${url} --signing-token "$(curl -s -X POST ${page}/token)"
`)
}

async function run(args: readonly string[], ended: Promise<number>): Promise<number> {
  const { once, port } = parseArguments(args)
  await putOpensslFirst()
  const demo = await start(port)
  const { server, logFile } = demo

  let serving = false
  const work = async (): Promise<number> => {
    await server.ready(READY_TIMEOUT_MS)
    const allValid = await showSignatures(demo)
    if (once || !allValid) return allValid ? 0 : 1
    sayWhatToTry(await demo.startPage(), demo)
    serving = true
    await server.exited
    throw new Error(`The server has ended; ${shown(logFile)} says why`)
  }
  const interrupted = ended.then((signal) => {
    console.log('\nStopping the server')
    return serving ? 0 : 128 + signal
  })
  try {
    return await Promise.race([work(), interrupted])
  } finally {
    await demo.stop()
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

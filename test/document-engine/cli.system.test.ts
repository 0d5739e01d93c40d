import { readFile, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseArguments } from '../support/document-engine/cli-arguments.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { runTool } from '../support/validators/run-tool.ts'
import { makeFixture } from './fixture.ts'

const cli = fileURLToPath(
  new URL(`../support/document-engine/cli${extname(import.meta.filename)}`, import.meta.url),
)
// The loader that runs this test runs the command too.
const signPdfCommand = (...args: string[]) => runTool(process.execPath, [...process.execArgv, cli, ...args])

const { service, serve } = await makeFixture(t)
const directory = t.testdirName
const input = join(directory, 'in.pdf')
const output = join(directory, 'out.pdf')
await writeFile(input, await samplePdf())

t.test('signs a file and says what was called', async (t) => {
  const { exitCode, stdout, stderr } = await signPdfCommand(
    ...[input, output, '--url', service.url, '--container', 'raw', '--type', 'cms', '--hash', 'sha384'],
    ...['--signing-token', 'user-1', '--reason', 'I agree', '--timeout', '60000'],
  )
  t.equal(exitCode, 0, stderr)
  t.match(
    stdout,
    /^get_certificates: 200 in \d+ ms\nsign: 200 in \d+ ms\nSignature1: a container of \d+ bytes, in /,
  )
  t.match(await pdfsig(await readFile(output)), { signatures: [{ valid: true, hash: 'SHA-384' }] })
  t.match(service.requests[1], { signing_token: 'user-1', hash_algorithm: 'sha384', signature_type: 'cms' })
})

t.test('a refusal is exit code 1, the reason and no file', async (t) => {
  const refusing = await serve((_request, response) => {
    response.writeHead(403).end('{"code":"SIGNING_TOKEN_REJECTED","message":"Not you"}')
  })
  const refused = join(directory, 'refused.pdf')
  const { exitCode, stderr } = await signPdfCommand(input, refused, '--url', refusing.url)
  t.equal(exitCode, 1)
  t.equal(stderr, 'The signing service refused get_certificates: 403 SIGNING_TOKEN_REJECTED Not you\n')
  await t.rejects(readFile(refused), { code: 'ENOENT' })
})

t.test('words of a service do not steer the terminal', async (t) => {
  const steering = await serve((_request, response) => {
    response.writeHead(403).end('\u001b[2J\nAll is well')
  })
  const { stderr } = await signPdfCommand(input, output, '--url', steering.url)
  t.equal(stderr, 'The signing service refused get_certificates: 403 \\u{1b}[2J\\u{a}All is well\n')
})

t.test('certificates that nobody tells of are exit code 1, the reason and no file', async (t) => {
  const incomplete = join(directory, 'incomplete.pdf')
  const { exitCode, stderr } = await signPdfCommand(input, incomplete, '--url', service.url, '--dss')
  t.equal(exitCode, 1)
  t.equal(stderr, 'Nobody tells whether CN=Test Signer was revoked: the certificate names no address\n')
  await t.rejects(readFile(incomplete), { code: 'ENOENT' })
})

t.test('a file that is not there is exit code 1 and no stack', async (t) => {
  const { exitCode, stderr } = await signPdfCommand(join(directory, 'missing.pdf'), output)
  t.equal(exitCode, 1)
  t.match(stderr, /^ENOENT: .*missing\.pdf'\n$/)
})

t.test('wrong usage is exit code 2 and the usage', async (t) => {
  const { exitCode, stderr } = await signPdfCommand(input)
  t.equal(exitCode, 2)
  t.match(stderr, /^Name two files: .*\n\nSigns a PDF.*\n\nUsage: /)
})

t.test('--help prints examples', async (t) => {
  const { exitCode, stdout } = await signPdfCommand('--help')
  t.equal(exitCode, 0)
  t.match(stdout, /Examples:\n {2}npm run sign-pdf -- /)
})

t.test('arguments that make no sense are refused by name', async (t) => {
  const refused: [string, ...string[]][] = [
    ['Name two files', 'a', 'b', 'c'],
    ['--hash is md5; it can be sha256, ', 'a', 'b', '--hash', 'md5'],
    ['--type is pades', 'a', 'b', '--type', 'pades'],
    ['--container is cms', 'a', 'b', '--container', 'cms'],
    ['--timeout is soon', 'a', 'b', '--timeout', 'soon'],
    ['--estimated-size is 0', 'a', 'b', '--estimated-size', '0'],
    ['--url is localhost:6080', 'a', 'b', '--url', 'localhost:6080'],
    ['--tsa is tsa.example.com', 'a', 'b', '--container', 'raw', '--tsa', 'tsa.example.com'],
    ['--tsa goes with --container raw', 'a', 'b', '--tsa', 'http://tsa.example.com'],
    ['--dss with --container raw takes --tsa', 'a', 'b', '--container', 'raw', '--dss'],
    ['--url is sign', 'a', 'b', '--url', 'sign'],
    ["Unknown option '--nonsense'", 'a', 'b', '--nonsense'],
  ]
  for (const [message, ...args] of refused) {
    t.throws(() => parseArguments(args), { name: 'UsageError', message }, message)
  }
})

t.test('port 6000, which fetch refuses, is accepted', async (t) => {
  const parsed = parseArguments(['a', 'b', '--url', 'http://127.0.0.1:6000/sign'])
  t.match(parsed, { input: 'a', output: 'b', options: { url: 'http://127.0.0.1:6000/sign' } })
})

import { execFileSync } from 'node:child_process'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { buildProgram } from '../../src/cli/program.ts'
import { run } from '../../src/cli/run.ts'
import { runCommand } from '../support/command.ts'
import { repositoryPath } from '../support/repository.ts'

t.test('help is a result, with the exit codes', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand({}, '--help')
  t.same([exitCode, stderr], [0, ''])
  t.match(stdout, /^Usage: signing-service [\s\S]*\n {2}tokens [\s\S]*Exit codes:\n {2}0 /)
})

t.test('every command has examples', async (t) => {
  const io = {
    environment: {},
    input: new PassThrough(),
    output: new PassThrough(),
    errors: new PassThrough(),
  }
  for (const { name } of buildProgram(io).commands.map((command) => ({ name: command.name() }))) {
    const { exitCode, stdout } = await runCommand({}, name, '--help')
    t.equal(exitCode, 0)
    t.match(stdout, `\nExamples:\n  signing-service ${name}`)
  }
})

t.test('wrong usage is exit code 2', async (t) => {
  const refused: [RegExp, ...string[]][] = [
    [/^Usage: /],
    [/unknown command 'key'[\s\S]*Did you mean keys\?/, 'key'],
    [/unknown option '--pin'/, 'keys', '--pin', '1234'],
    [
      /'--timeout <seconds>' argument '0' is invalid. It must be an integer from 1 to 3600/,
      'keys',
      '--timeout',
      '0',
    ],
    [/argument 'soon' is invalid/, 'tokens', '--timeout', 'soon'],
    [/argument '4000' is invalid/, 'tokens', '--timeout', '4000'],
  ]
  for (const [message, ...args] of refused) {
    const { exitCode, stdout, stderr } = await runCommand({}, ...args)
    t.same([exitCode, stdout], [2, ''], args.join(' '))
    t.match(stderr, message)
    t.notMatch(stderr, '1234')
  }
})

t.test('no message steers the terminal', async (t) => {
  const { exitCode, stderr } = await runCommand(
    {},
    ...['certify', '\u{1b}[2J\u{9b}1A\u{202e}.csr', '--ca-cert', 'ca.pem', '--ca-key', 'ca.key'],
  )
  t.equal(exitCode, 1)
  t.match(stderr, '\\u{1b}[2J\\u{9b}1A\\u{202e}.csr cannot be used: ')
  t.notMatch(stderr, /[^\n\P{C}]/u)
})

t.test('a defect is thrown as what it is', async (t) => {
  const output = new PassThrough()
  output.write = () => {
    throw new TypeError('a defect')
  }
  const io = { environment: {}, input: new PassThrough(), output, errors: new PassThrough() }
  await t.rejects(run(['--version'], io), new TypeError('a defect'))
})

t.test('the package installs it as a command', async (t) => {
  const { version } = JSON.parse(
    execFileSync('npm', ['pkg', 'get', '--json'], { cwd: repositoryPath(), encoding: 'utf8' }),
  )
  const printed = execFileSync('npx', ['signing-service', '--version'], {
    cwd: repositoryPath(),
    encoding: 'utf8',
  })
  t.equal(printed, `${version}\n`)
})

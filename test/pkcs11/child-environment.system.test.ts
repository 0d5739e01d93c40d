/** Other programs of the same user can read no secret of the processes that work on a token. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runAtTerminal } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { startServerProcess } from '../support/server-process.ts'
import { waitUntilReady } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createSigningToken, PIN } from '../support/token.ts'

const directory = t.testdir()
const { environment, certificates } = await createSigningToken(directory)
const module = await createFaultyModule(directory, environment)
const { HSM_PIN_FILE: _, ...withoutPin } = module.environment
const document = join(directory, 'document')
writeFileSync(document, 'content')

/** Environment and arguments of a process, as `ps` and /proc show them. */
function shownOf(pid: number): string {
  return ['environ', 'cmdline'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join('\0')
}

/** Waits until another process is about to log in, looks at it, and lets it go on. */
async function lookAtLogin(t: Test, before: number): Promise<void> {
  await until('a process is about to log in', () => module.calls('C_Login') > before)
  const shown = shownOf(module.processes().at(-1) as number)
  t.ok(shown.includes(`HSM_MODULE=${module.environment.HSM_MODULE}`), 'it can be looked at')
  t.notOk(shown.includes(PIN), 'there is no PIN')
  module.plan()
}

t.test('a PIN that is typed stands in no environment and in no argument', async (t) => {
  const out = (name: string) => ['--out', join(directory, name)]
  for (const [name, ...args] of [
    ['sign', document, ...out('document.p7s')],
    ['csr', '--subject', 'CN=Signer', ...out('signer.csr')],
    ['certify', '--self-signed', '--subject', 'CN=Signer', ...out('signer.pem')],
    ['keys'],
    ['import-cert', certificates.leaf],
    ['check'],
  ] as const) {
    t.test(`${name}`, async (t) => {
      const before = module.calls('C_Login')
      module.plan('C_Login hold')
      const command = runAtTerminal(withoutPin, `${PIN}\n`, name, ...args)
      await lookAtLogin(t, before)
      const { exitCode, output } = await command
      t.equal(exitCode, 0, output)
      t.notMatch(output, PIN)
    })
  }
})

t.test('a PIN of a variable stays in the environment of the process that was started with it', async (t) => {
  const before = module.calls('C_Login')
  module.plan('C_Login hold')
  const { url } = startServerProcess(t, { ...withoutPin, HSM_PIN: PIN, TSA_PASSWORD: 'of-the-authority' })
  await lookAtLogin(t, before)
  await waitUntilReady(await url)
  t.notOk(shownOf(module.processes().at(-1) as number).includes('of-the-authority'))
})

/** Files that the user of the HTTP process may change are found as that user sees them. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import t from 'tap'
import type { ConfigurationProblem } from '../../src/errors.ts'
import { USERS, whyNotApart } from '../support/apart.ts'

const skip = whyNotApart()
const APART = new URL(`../../src/configuration/apart${extname(import.meta.filename)}`, import.meta.url)
const directory = t.testdir()
const path = (...names: string[]) => join(directory, ...names)

function put(name: string, mode: number, owner = 0): string {
  writeFileSync(path(name), '')
  chmodSync(path(name), mode)
  chownSync(path(name), owner, owner)
  return path(name)
}

function putFolder(name: string, mode: number, owner = 0): void {
  mkdirSync(path(name))
  chmodSync(path(name), mode)
  chownSync(path(name), owner, owner)
}

interface Files {
  readonly module?: string
  readonly pin?: string
  readonly signersFile?: string
  /** The module that was started. */
  readonly server?: string
}

/** Returns what the user of the HTTP process finds exposed. */
function findAsUser({ module = '/usr/bin/env', pin, signersFile, server }: Files): ConfigurationProblem[] {
  const signer = {
    access: { module, pin: pin === undefined ? { variable: 'HSM_PIN' } : { file: pin } },
    settings: { module: 'HSM_MODULE', pin: 'HSM_PIN_FILE' },
  }
  const program = `
    const { findExposed } = await import(${JSON.stringify(APART)})
    const [signers, file = undefined] = JSON.parse(process.env.INPUT)
    console.log(JSON.stringify(findExposed(signers, file)))`
  const { stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program, ...(server === undefined ? [] : [server])],
    {
      ...USERS.http,
      env: {
        ...process.env,
        INPUT: JSON.stringify([[signer], ...(signersFile === undefined ? [] : [signersFile])]),
      },
    },
  )
  return JSON.parse(stdout.toString())
}

t.test('what is exposed is found', { skip }, async (t) => {
  const { uid } = USERS.http
  chmodSync(directory, 0o755)

  t.test("nothing where each file is root's or of HSM_USER alone", async (t) => {
    putFolder('hidden', 0o700, USERS.hsm.uid)
    putFolder('sticky', 0o1777)
    const files = {
      module: put('module.so', 0o755),
      pin: put('hidden/pin', 0o400, USERS.hsm.uid),
      signersFile: put('sticky/signers.json', 0o644),
    }
    t.strictSame(findAsUser(files), [])
    t.strictSame(
      findAsUser({ module: path('none', 'module.so') }),
      [],
      'a file that is missing is told elsewhere',
    )
  })

  t.test('a PIN that may be read', async (t) => {
    t.match(findAsUser({ pin: put('readable', 0o444) }), [
      {
        variable: 'HSM_PIN_FILE',
        message: /readable is readable for user 65534, who runs the HTTP process: chown/,
      },
    ])
  })

  t.test('a file that may be changed, by its mode, its owner, its folder, or a link', async (t) => {
    const finds = (files: Files, variable: string, changeable: string) =>
      t.match(findAsUser(files), [
        {
          variable,
          message: `${changeable} is writable for user 65534, who runs the HTTP process, and decides what`,
        },
      ])
    finds({ module: put('open.so', 0o757) }, 'HSM_MODULE', path('open.so'))
    finds({ module: put('own.so', 0o555, uid) }, 'HSM_MODULE', path('own.so'))
    finds({ signersFile: put('signers.json', 0o666) }, 'SIGNERS_FILE', path('signers.json'))
    putFolder('open', 0o777)
    finds({ module: put('open/module.so', 0o755) }, 'HSM_MODULE', path('open'))
    putFolder('own', 0o755, uid)
    putFolder('own/below', 0o755)
    finds({ pin: put('own/below/pin', 0o400, USERS.hsm.uid) }, 'HSM_PIN_FILE', path('own'))
    symlinkSync(path('own/below/pin'), path('link.so'))
    finds({ module: path('link.so') }, 'HSM_MODULE', path('own'))
  })

  t.test('code beside and below the program, and what describes its package', async (t) => {
    for (const folder of ['service', 'service/dist', 'service/dist/lib']) {
      putFolder(folder, 0o755)
    }
    putFolder('service/dist/closed', 0o711)
    const server = put('service/dist/server.js', 0o644)
    put('service/dist/lib/other.js', 0o644)
    t.strictSame(findAsUser({ server }), [])
    for (const name of ['service/dist/lib/part.js', 'service/package.json']) {
      const changeable = put(name, 0o644, uid)
      t.match(findAsUser({ server }), [
        { variable: 'SIGNING_SERVICE_USER', message: `${changeable} is writable for user 65534` },
      ])
      chownSync(changeable, 0, 0)
    }
  })
})

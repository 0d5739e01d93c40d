/** The service with all addresses, which is not started: no token need be there. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { buildApp } from '../../src/app.ts'
import { loadAccess, loadConfiguration, loadSigners, loadTls } from '../../src/configuration/load.ts'
import type { DescribedRoute } from '../../src/description/route-list.ts'

export interface CompleteApp {
  /** Those that are described. */
  readonly routes: readonly DescribedRoute[]
  /** Methods and paths of all, such as `POST /sign`. */
  readonly addresses: readonly string[]
}

/** Returns the routes of the service with all of its addresses on one port. */
export async function listCompleteApp(): Promise<CompleteApp> {
  const folder = mkdtempSync(join(tmpdir(), 'complete-app-'))
  try {
    const environment = configure(folder)
    const { app } = await buildApp(loadConfiguration(environment), {
      logger: pino({ level: 'silent' }),
      onMisconfigured: () => {},
      loadSigners: () => loadSigners(environment),
      loadAccess: () => loadAccess(environment),
      loadTls: () => loadTls(environment),
    })
    const addresses = listAddresses(app.printRoutes({ commonPrefix: false }))
    await app.close()
    return { routes: app.describedRoutes, addresses }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @param printed a tree, each path in it after those of the lines that it is below */
function listAddresses(printed: string): string[] {
  const parents: string[] = []
  return printed.split('\n').flatMap((line) => {
    const [, indent = '', path = '', methods = ''] =
      /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line) ?? []
    const depth = indent.length / 4
    parents.splice(depth, parents.length, path)
    return methods === '' ? [] : methods.split(', ').map((method) => `${method} ${parents.join('')}`)
  })
}

/** Returns variables that switch on all addresses, with files in `folder`. */
function configure(folder: string): Record<string, string> {
  const write = (name: string, content: string) => {
    const path = join(folder, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signers = { default: 'signer', signers: { signer: { key: { label: 'key' } } } }
  return {
    HSM_MODULE: write('module.so', ''),
    HSM_PIN_FILE: write('pin', 'none'),
    SIGNERS_FILE: write('signers.json', JSON.stringify(signers)),
    ...{ ACCESS: 'jwt', ACCESS_JWT_ISSUER: 'issuer', ACCESS_JWT_AUDIENCE: 'signing-service' },
    ACCESS_JWT_KEYS: write('key.pem', `${publicKey.export({ type: 'spki', format: 'pem' })}`),
    ...{ CORS_ORIGINS: 'https://app.example.com', WEB_SDK: 'true' },
  }
}

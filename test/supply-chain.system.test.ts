/** The checks of others' packages judge npm's answers, which a script in place of npm gives. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { repositoryPath } from './support/repository.ts'

interface Named {
  readonly name: string
  readonly version: string
}

t.test('the bill of materials names the production dependencies, and no others', async (t) => {
  const options = { cwd: repositoryPath('.'), encoding: 'utf8', maxBuffer: 100_000_000 } as const
  const bill = JSON.parse(execFileSync('npm', ['run', '--silent', 'sbom'], options))
  const named = bill.components.map(({ name, version }: Named) => `${name}@${version}`)
  // Each line has a path, and the package that is there; the first is the service itself
  const list = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable', '--long'], options)
  const [, ...lines] = list.trim().split('\n')
  const installed = lines.map((line) => line.split(':')[1])
  t.strictSame([...new Set(named)].sort(), [...new Set(installed)].sort())
  t.equal(bill.metadata.component.purl, 'pkg:npm/signing-service@0.1.0')
  t.equal(bill.metadata.component.name, 'signing-service')
  const refs = new Set(bill.dependencies.map(({ ref }: { ref: string }) => ref))
  t.ok(
    bill.dependencies.every(({ dependsOn }: { dependsOn: string[] }) =>
      dependsOn.every((one) => refs.has(one)),
    ),
  )
})

const component = (name: string, licence: object, more: object[] = []) => ({
  ...{ 'bom-ref': `${name}@1.0.0`, name, version: '1.0.0', licenses: [licence], properties: more },
})
const MIT = { license: { id: 'MIT' } }
const FOR_DEVELOPMENT = { name: 'cdx:npm:package:development', value: 'true' }
const SBOM = {
  metadata: { component: { 'bom-ref': 'service@1.0.0', name: 'folder' } },
  components: [
    component('used', MIT),
    component('tool', { license: { id: 'GPL-3.0-only' } }, [FOR_DEVELOPMENT]),
  ],
  dependencies: [{ ref: 'service@1.0.0', dependsOn: ['used@1.0.0', 'tool@1.0.0'] }],
}
const GOOD = { sbom: SBOM, signatures: { invalid: [], missing: [] }, audit: { vulnerabilities: {} } }

/** Runs the checks with an npm that answers these. Returns the exit code, and the verdict on each subject. */
function check(t: Test, answers: Partial<typeof GOOD> | Record<string, object>) {
  const directory = t.testdir({
    'package.json': JSON.stringify({ name: 'service', version: '1.0.0' }),
    'package-lock.json': JSON.stringify({
      packages: {
        '': {},
        'node_modules/used': { version: '1.0.0' },
        'node_modules/tool': { version: '1.0.0', dev: true },
      },
    }),
  })
  for (const [name, answer] of Object.entries({ ...GOOD, ...answers })) {
    writeFileSync(join(directory, name), JSON.stringify(answer))
  }
  const npm = '#!/bin/sh\nif [ "$2" = signatures ]; then cat signatures; else cat "$1"; fi\nexit 1\n'
  writeFileSync(join(directory, 'npm'), npm.replace('exit 1', '[ "$1" = sbom ]'), { mode: 0o755 })
  const { status, stdout } = spawnSync(process.execPath, [repositoryPath('docker/supply-chain.mjs')], {
    ...{
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${directory}:${process.env.PATH}` },
    },
  })
  const verdicts = [...stdout.matchAll(/^(in order|not asked|WRONG) +(\w+)/gm)]
  return {
    status,
    stdout,
    ...Object.fromEntries(verdicts.map(([, verdict, subject]) => [`${subject}`, verdict])),
  }
}

const ALL_IN_ORDER = { bill: 'in order', licences: 'in order', known: 'in order', registry: 'in order' }

t.test('all is in order', async (t) => {
  t.match(check(t, {}), { status: 0, ...ALL_IN_ORDER })
})

t.test('what cannot be asked is said, and is no failure', async (t) => {
  const silences: [string, object][] = [
    [
      'known',
      { audit: { message: '405 Method Not Allowed - POST https://registry.example', statusCode: 405 } },
    ],
    ['known', { audit: { message: 'request to https://x failed, reason: getaddrinfo ENOTFOUND x' } }],
    ['known', { audit: { error: { code: 'ETIMEDOUT', summary: 'network timeout' } } }],
    ['registry', { signatures: { error: { code: 'ENOTFOUND', summary: 'getaddrinfo ENOTFOUND x' } } }],
    ['registry', { signatures: { error: { code: 'E404', summary: '404 Not Found' } } }],
    [
      'registry',
      {
        signatures: {
          error: {
            summary: 'found no dependencies to audit that were installed from a supported registry',
          },
        },
      },
    ],
  ]
  for (const [subject, answers] of silences) {
    t.match(
      check(t, answers),
      { status: 0, ...ALL_IN_ORDER, [subject]: 'not asked' },
      JSON.stringify(answers),
    )
  }
})

t.test('whatever is wrong is a failure', async (t) => {
  const one = { name: 'used', version: '1.0.0' }
  const wrong: [string, object, RegExp][] = [
    ['registry', { signatures: { invalid: [one], missing: [] } }, /used@1.0.0 has a wrong one/],
    ['registry', { signatures: { invalid: [], missing: [one] } }, /used@1.0.0 has none/],
    [
      'registry',
      { signatures: { error: { code: 'EEXPIREDSIGNATUREKEY', summary: 'a key has expired' } } },
      /a key has expired/,
    ],
    ['known', { audit: { message: '500 Internal Server Error', statusCode: 500 } }, /500/],
    [
      'known',
      { audit: { vulnerabilities: { used: { name: 'used', severity: 'high', range: '<2' } } } },
      /used <2: high/,
    ],
    [
      'licences',
      { sbom: { ...SBOM, components: [component('used', { expression: 'MIT OR GPL-3.0-only' })] } },
      /used@1.0.0: \[\{"expression"/,
    ],
    ['bill', { sbom: { ...SBOM, components: [] } }, /it does not name used@1.0.0/],
  ]
  for (const [subject, answers, told] of wrong) {
    const found = check(t, answers)
    t.match(found, { status: 1, ...ALL_IN_ORDER, [subject]: 'WRONG' }, JSON.stringify(answers))
    t.match(found.stdout, told)
  }
  const moderate = { vulnerabilities: { used: { name: 'used', severity: 'moderate', range: '<2' } } }
  t.match(check(t, { audit: moderate }), { status: 0, ...ALL_IN_ORDER }, 'a moderate one is none')
})

t.test('the image has the bill of materials', async (t) => {
  const dockerfile = readFileSync(repositoryPath('docker/Dockerfile'), 'utf8')
  t.match(dockerfile, /^RUN node docker\/sbom\.mjs > sbom\.cdx\.json$/m)
  t.match(dockerfile, /^COPY --from=build \/app\/sbom\.cdx\.json \.\/$/m)
})

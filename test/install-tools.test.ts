/** Runs docker/install-tools.sh with stand-ins for package managers on an otherwise empty PATH, and looks at what they are asked for. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repositoryPath } from './support/repository.ts'

const MANAGERS = ['apt-get', 'dnf', 'apk', 'brew'] as const
type Manager = (typeof MANAGERS)[number]

/** Packages of each group by manager; a manager that is left out has none. */
const PACKAGES: Readonly<Record<string, Partial<Record<Manager, string>>>> = {
  softhsm: { 'apt-get': 'softhsm2', dnf: 'softhsm', apk: 'softhsm', brew: 'softhsm' },
  opensc: everywhere('opensc'),
  openssl: { ...everywhere('openssl'), brew: 'openssl@3' },
  poppler: { ...everywhere('poppler-utils'), brew: 'poppler' },
  nss: { 'apt-get': 'libnss3-tools', dnf: 'nss-tools', apk: 'nss-tools', brew: 'nss' },
  softokn: { 'apt-get': 'libnss3', dnf: 'nss-softokn', apk: 'nss', brew: 'nss' },
  opencryptoki: { 'apt-get': 'opencryptoki', dnf: 'opencryptoki opencryptoki-swtok' },
  tpm: {
    'apt-get':
      'libtpm2-pkcs11-1 libtpm2-pkcs11-tools swtpm tpm2-abrmd libtss2-tcti-swtpm0 libtss2-tcti-tabrmd0 dbus',
    dnf: 'tpm2-pkcs11 tpm2-pkcs11-tools swtpm tpm2-abrmd dbus-daemon dbus-tools',
  },
  'p11-kit': {
    'apt-get': 'p11-kit p11-kit-modules',
    dnf: 'p11-kit p11-kit-server',
    apk: 'p11-kit p11-kit-server',
    brew: 'p11-kit',
  },
  compiler: {
    'apt-get': 'g++ make python3',
    dnf: 'gcc-c++ make python3',
    apk: 'g++ make python3',
    brew: 'make python3',
  },
  'prometheus-client': {
    'apt-get': 'python3-prometheus-client',
    dnf: 'python3-prometheus_client',
    apk: 'py3-prometheus-client',
  },
  java: {
    'apt-get': 'default-jdk-headless',
    dnf: 'java-latest-openjdk-devel',
    apk: 'openjdk21-jdk',
    brew: 'openjdk',
  },
  bouncycastle: { 'apt-get': 'libbcpkix-java', dnf: 'bouncycastle-pkix' },
  pdfbox: { 'apt-get': 'libpdfbox2-java', dnf: 'pdfbox' },
  gpgsm: {
    'apt-get': 'gpgsm gpg-agent',
    dnf: 'gnupg2 gnupg2-smime',
    apk: 'gpgsm gpg-agent gnupg-gpgconf',
    brew: 'gnupg',
  },
  'nist-vectors': { 'apt-get': 'python3-cryptography-vectors', dnf: 'python3-cryptography-vectors' },
  haproxy: everywhere('haproxy'),
  tinyproxy: everywhere('tinyproxy'),
  prometheus: { 'apt-get': 'prometheus', apk: 'prometheus', brew: 'prometheus' },
  maven: everywhere('maven'),
  'python-venv': { ...everywhere('python3'), 'apt-get': 'python3-venv' },
  chromium: { 'apt-get': 'chromium', dnf: 'chromium', apk: 'chromium' },
  'monitoring-plugin': { 'apt-get': 'libmonitoring-plugin-perl', dnf: 'perl-Monitoring-Plugin' },
  bubblewrap: { 'apt-get': 'bubblewrap', dnf: 'bubblewrap', apk: 'bubblewrap' },
}

/** Groups that are no package of a manager. */
const DOWNLOADS = [
  ...['dss', 'pyhanko', 'schemathesis', 'opentelemetry-proto', 'aws-cli', 'go-tools', 'python-tools'],
]

function everywhere(name: string): Record<Manager, string> {
  return { 'apt-get': name, dnf: name, apk: name, brew: name }
}

const directory = t.testdir()

/** Writes a program that is the shell's own words alone, since there is no other program. */
function writeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

/**
 * Makes a machine that has nothing but a package manager.
 *
 * @param uid of the user who installs
 * @returns what runs the script there, and says what the manager was called with
 */
function createMachine(name: string, { manager, uid }: { manager?: Manager; uid: number }) {
  const root = join(directory, name)
  const bin = join(root, 'bin')
  const log = join(root, 'log')
  mkdirSync(bin, { recursive: true })
  for (const program of ['dirname', 'env']) {
    const found = ['/usr/bin', '/bin'].map((folder) => join(folder, program)).find((path) => existsSync(path))
    symlinkSync(`${found}`, join(bin, program))
  }
  writeProgram(join(bin, 'id'), `echo ${uid}`)
  writeProgram(join(bin, 'sudo'), `echo sudo >>'${log}'\nexec "$@"`)
  if (manager !== undefined) {
    writeProgram(join(bin, manager), `echo "${manager} $*" >>'${log}'`)
  }
  // Alone in its folder it has no script beside it that would find what this machine has
  const script = readFileSync(repositoryPath('docker/install-tools.sh'), 'utf8')
  const copy = join(root, 'install-tools.sh')
  writeFileSync(copy, script.replaceAll('/usr/bin/', `${bin}/`).replaceAll('/usr/sbin', bin))
  return (...groups: string[]) => {
    writeFileSync(log, '')
    const { status, stderr } = spawnSync('/bin/sh', [copy, ...groups], {
      env: { PATH: bin, HOME: root },
      encoding: 'utf8',
    })
    const calls = readFileSync(log, 'utf8').split('\n').slice(0, -1)
    return { status, stderr, calls }
  }
}

/** Returns the packages of the call that installs, without the options that come first. */
function packagesOf(calls: readonly string[]): string | undefined {
  return /^\S+ (?:install|add)(?: -o \S+| -\S+)* (.*)$/.exec(calls.at(-1) ?? '')?.[1]
}

t.test('all groups are known here', async (t) => {
  const { status, stderr } = createMachine('unknown', { uid: 0 })('nothing')
  t.equal(status, 64)
  const [, named = ''] = /the groups are (.*)/.exec(stderr) ?? []
  t.same(named.split(/, | and /).sort(), [...Object.keys(PACKAGES), ...DOWNLOADS].sort())
})

for (const manager of MANAGERS) {
  const run = createMachine(manager, { manager, uid: 0 })

  t.test(`${manager} is asked for the packages of each group`, async (t) => {
    for (const [group, names] of Object.entries(PACKAGES)) {
      const { status, stderr, calls } = run(group)
      t.not(status, 0, `${group} is not there afterwards, as the stand-in installs nothing`)
      const wanted = names[manager]
      if (wanted === undefined) {
        t.same(calls, [], group)
        t.match(stderr, `install ${group} by hand: ${manager} has no package of it`)
      } else {
        t.equal(packagesOf(calls), wanted, group)
        t.match(stderr, `Installing ${wanted} with ${manager}`)
        t.match(stderr, `the tools of ${group} are not on the PATH`)
      }
    }
  })

  t.test(`${manager} gets all groups in one call`, async (t) => {
    const groups = Object.entries(PACKAGES).filter(([, names]) => manager in names)
    const { calls } = run(...groups.map(([group]) => group))
    t.equal(packagesOf(calls), groups.map(([, names]) => names[manager]).join(' '))
    t.equal(calls.length, manager === 'apt-get' ? 2 : 1, calls.join('\n'))
  })

  t.test(`${manager} is not asked for what is downloaded`, async (t) => {
    for (const group of DOWNLOADS) {
      const { status, stderr, calls } = run(group)
      t.same(calls, [], group)
      t.equal(status, 1)
      t.match(stderr, `${group} could not be downloaded`)
    }
  })

  t.test(`${manager} is called as who may install`, async (t) => {
    const { calls } = createMachine(`${manager}-user`, { manager, uid: 1000 })('haproxy')
    t.equal(calls.includes('sudo'), manager !== 'brew')
    t.equal(packagesOf(calls), 'haproxy')
  })
}

t.test('a machine without a package manager', async (t) => {
  const { status, stderr } = createMachine('bare', { uid: 0 })('haproxy', 'maven')
  t.equal(status, 1)
  t.match(stderr, 'install haproxy maven by hand: this machine has none of apt-get, dnf, apk and brew')
})

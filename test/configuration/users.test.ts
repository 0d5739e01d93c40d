import t from 'tap'
import { findAuditFolder, hasUsers, readUsers } from '../../src/configuration/users.ts'
import type { ConfigurationError } from '../../src/errors.ts'

/** Returns the problems of a configuration, in the order in which they are told. */
function problemsOf(environment: Record<string, string>): string[] {
  try {
    readUsers(environment)
    return []
  } catch (error) {
    return (error as ConfigurationError).problems.map(({ variable, message }) => `${variable}: ${message}`)
  }
}

/** Those that have nothing to do with who runs this test. */
function otherProblemsOf(environment: Record<string, string>): string[] {
  return problemsOf(environment).filter((problem) => !problem.includes('takes a start as root'))
}

t.test('there are users where one of the variables is set, and an empty one is not', async (t) => {
  t.notOk(hasUsers({}))
  t.notOk(hasUsers({ HSM_USER: '', SIGNING_SERVICE_USER: '' }))
  t.ok(hasUsers({ HSM_USER: 'hsm' }))
  t.ok(hasUsers({ SIGNING_SERVICE_USER: 'http' }))
})

t.test(
  'users and groups are names or numbers',
  { skip: process.getuid?.() !== 0 && 'it takes root' },
  async (t) => {
    const read = (HSM_USER: string) => readUsers({ HSM_USER, SIGNING_SERVICE_USER: '4711:4712' })
    const http = { uid: 4711, gid: 4712 }
    t.strictSame(read('daemon'), { http, hsm: { uid: 1, gid: 1 } })
    t.strictSame(read('1'), { http, hsm: { uid: 1, gid: 1 } }, 'the group is that of the user')
    t.strictSame(read('daemon:root'), { http, hsm: { uid: 1, gid: 0 } })
    t.strictSame(read('daemon:4713'), { http, hsm: { uid: 1, gid: 4713 } })
    t.strictSame(read('4713:daemon'), { http, hsm: { uid: 4713, gid: 1 } })
  },
)

t.test('what is wrong is told at once', async (t) => {
  t.strictSame(otherProblemsOf({ HSM_USER: 'daemon', SIGNING_SERVICE_USER: '4711:4711' }), [])
  t.match(otherProblemsOf({ HSM_USER: 'daemon' }), [/^SIGNING_SERVICE_USER: is required/])
  t.match(
    otherProblemsOf({ HSM_USER: 'nobody-here', SIGNING_SERVICE_USER: '4711', HSM_PIN: 'a-secret-pin' }),
    [
      /^HSM_USER: is no user of \/etc\/passwd/,
      /^SIGNING_SERVICE_USER: is no user/,
      /^HSM_PIN: is read by the HTTP process(?!.*a-secret-pin)/,
    ],
  )
  for (const wrong of [
    'daemon:',
    'daemon:no-group-here',
    'daemon:daemon:daemon',
    ':daemon',
    '-1:1',
    '1.5:1',
  ]) {
    t.match(
      otherProblemsOf({ HSM_USER: wrong, SIGNING_SERVICE_USER: '4711:4711' }),
      [/^HSM_USER: is (no user|required)/],
      wrong,
    )
  }
  for (const root of ['root', '0:4711', '00:1']) {
    t.match(otherProblemsOf({ HSM_USER: root, SIGNING_SERVICE_USER: '4711:4711' }), [/^HSM_USER: is root/])
  }
  t.match(otherProblemsOf({ HSM_USER: 'daemon', SIGNING_SERVICE_USER: '1:4711' }), [
    /^SIGNING_SERVICE_USER: is the user of HSM_USER/,
  ])
})

t.test('others than root cannot start processes of other users', async (t) => {
  const { seteuid = () => {} } = process
  const wasRoot = process.geteuid?.() === 0
  if (wasRoot) {
    seteuid(65_534)
    t.teardown(() => seteuid(0))
  }
  const problems = problemsOf({ HSM_USER: '4711:4711', SIGNING_SERVICE_USER: '4712:4712' })
  t.match(problems, [/^HSM_USER: takes a start as root/])
})

t.test('the HTTP process writes in the folder of AUDIT_FILE alone', async (t) => {
  t.equal(findAuditFolder({}), undefined)
  t.equal(findAuditFolder({ AUDIT_FILE: '' }), undefined)
  t.equal(findAuditFolder({ AUDIT_FILE: '/var/lib/signing-service/audit.jsonl' }), '/var/lib/signing-service')
  t.equal(findAuditFolder({ AUDIT_FILE: 'audit.jsonl' }), process.cwd())
})

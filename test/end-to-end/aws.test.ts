/** The commands of the AWS CLI in the documentation, run by the AWS CLI, with a stand-in for AWS. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { installAws, judgeByModel, WITHOUT_AWS_CLI } from '../support/aws/cli.ts'
import { startCloud } from '../support/aws/cloud.ts'
import { codeBlocks } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'

const run = promisify(execFile)
const skip = WITHOUT_AWS_CLI

/** What a reader has already: a host, subnets in another region, and a topic that alarms go to. */
const GIVEN = {
  ...{ INSTANCE: 'i-0123456789abcdef0', HOST_GROUP: 'sg-11111111' },
  ...{ OTHER_A: 'subnet-aaaaaaaa', OTHER_B: 'subnet-bbbbbbbb' },
  TOPIC: 'arn:aws:sns:eu-central-1:123456789012:hsm',
}

/** What step 2 of docs/cloudhsm.md leaves in the shell, which other pages go on with. */
const OF_STEP_2 = { AWS_DEFAULT_REGION: 'eu-central-1', CLUSTER: 'cluster-igklspoyj5v' }

/** Runs all blocks about AWS of a page in one shell, as its readers do. */
async function runPage(t: Test, page: string, variables: Record<string, string> = {}) {
  const directory = t.testdir()
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  const commands = installAws(bin)
  const cloud = await startCloud(t)
  const script = codeBlocks(readPage(page), 'shell')
    .join('')
    // Nobody has to wait, and nobody types a passphrase
    .replaceAll('sleep 20', 'true')
    .replaceAll(' -keyout customerCA.key', ' -nodes -keyout customerCA.key')
  const env = {
    ...{ HOME: directory, PATH: `${bin}:${process.env.PATH}` },
    ...{ ...GIVEN, ...variables, ...cloud.environment },
  }
  const { stdout } = await run('sh', ['-euc', script], { cwd: directory, env })
  return { directory, stdout, commands: commands(), calls: cloud.calls }
}

t.test('a cluster of two HSMs, its backups and alarms', { skip }, async (t) => {
  const { directory, stdout, commands, calls } = await runPage(t, 'docs/cloudhsm.md')
  const path = (name: string) => join(directory, name)
  const requests = (operation: string) =>
    calls.filter((call) => call.operation === operation).map(({ request }) => request)

  t.test('is right by the model of the API', async (t) => {
    t.strictSame(judgeByModel({ commands, calls }), [])
  })

  t.test('has one HSM in each zone', async (t) => {
    t.match(requests('CreateCluster'), [
      { HsmType: 'hsm2m.medium', Mode: 'FIPS', SubnetIds: ['subnet-49a1bc01', 'subnet-49a1bc02'] },
      { HsmType: 'hsm2m.medium', Mode: 'FIPS', SourceBackupId: 'backup-aaaaaaaaaaa' },
    ])
    t.match(requests('CreateHsm'), [
      { AvailabilityZone: 'eu-central-1a' },
      { AvailabilityZone: 'eu-central-1b' },
    ])
    t.match(stdout, /^10\.0\.16\.10$/m)
  })

  t.test('is initialized with its own request, signed by its owner', async (t) => {
    const [request] = requests('InitializeCluster')
    t.equal(request?.TrustAnchor, readFileSync(path('customerCA.crt'), 'utf8'))
    t.equal(request?.SignedCert, readFileSync(path('cluster.crt'), 'utf8'))
    const verified = await run('openssl', ['verify', '-CAfile', path('customerCA.crt'), path('cluster.crt')])
    t.match(verified.stdout, /: OK\n$/)
    const keys = await Promise.all([
      run('openssl', ['req', '-in', path('ClusterCsr.pem'), '-noout', '-pubkey']),
      run('openssl', ['x509', '-in', path('cluster.crt'), '-noout', '-pubkey']),
    ])
    t.equal(keys[0].stdout, keys[1].stdout)
  })

  t.test('lets the host reach it', async (t) => {
    t.match(requests('ModifyInstanceAttribute'), [{ 'GroupId.1': 'sg-11111111', 'GroupId.2': 'sg-6cb2c216' }])
  })

  t.test('keeps its newest backup, here and elsewhere', async (t) => {
    const BackupId = 'backup-ro5c4er4aac'
    t.match(requests('ModifyBackupAttributes'), [{ BackupId, NeverExpires: true }])
    t.match(requests('CopyBackupToRegion'), [{ BackupId, DestinationRegion: 'eu-west-1' }])
  })

  t.test('is watched', async (t) => {
    const alarms = requests('PutMetricAlarm').map(({ MetricName }) => MetricName)
    const filters = requests('PutMetricFilter').map(({ filterPattern }) => filterPattern)
    t.strictSame(alarms, ['HsmUnhealthy', 'HsmUnhealthy', ...filters])
    t.ok(filters.includes('CN_CREATE_CO'))
    t.match(stdout, 'User Name : signer_1')
  })

  t.test('has no HSM in the end, and costs nothing', async (t) => {
    t.equal(requests('DeleteHsm').length, 2)
  })
})

t.test('a cluster of the former type becomes one of the present type', { skip }, async (t) => {
  const { commands, calls } = await runPage(t, 'docs/migration.md', OF_STEP_2)
  t.match(calls[0], { operation: 'ModifyCluster', request: { HsmType: 'hsm2m.medium' } })
  t.strictSame(judgeByModel({ commands, calls }), [])
})

t.test('what an auditor is given about a cluster', { skip }, async (t) => {
  const { directory, commands, calls } = await runPage(t, 'docs/evidence.md', OF_STEP_2)
  t.match(JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8')), {
    Clusters: [{ HsmType: 'hsm2m.medium', Mode: 'FIPS' }],
  })
  t.strictSame(judgeByModel({ commands, calls }), [])
})

t.test('the rights in policies of IAM exist', { skip }, async (t) => {
  const policies = ['docs/cloudhsm.md', 'docs/operations.md']
    .flatMap((page) => codeBlocks(readPage(page), 'json'))
    .filter((block) => block.includes('"Statement"'))
    .map((block) => JSON.parse(block) as { Statement: { Action: string | string[] }[] })
  const actions = policies.flatMap(({ Statement }) => Statement.flatMap(({ Action }) => Action))
  t.ok(actions.includes('cloudhsm:DescribeClusters'))
  t.ok(actions.includes('secretsmanager:GetSecretValue'))
  t.strictSame(judgeByModel({ actions }), [])
})

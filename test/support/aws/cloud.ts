/** Stands in for AWS on this machine, as far as the commands of the documentation ask it. */
import { execFileSync } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What was asked of an operation, and answered. */
export interface Call {
  /** The service, as the AWS CLI calls it. */
  readonly service: string
  readonly operation: string
  readonly request: Readonly<Record<string, unknown>>
  /** In the form of the API; in XML for EC2, whose protocol is another one. */
  readonly answer: Readonly<Record<string, unknown>> | string
}

export interface Cloud {
  /** Variables by which the AWS CLI finds it, and nothing of the machine that it runs on. */
  readonly environment: Record<string, string>
  readonly calls: readonly Call[]
}

/** Services by the first part of `X-Amz-Target`. */
const SERVICES: Readonly<Record<string, string>> = {
  BaldrApiService: 'cloudhsmv2',
  GraniteServiceVersion20100801: 'cloudwatch',
  Logs_20140328: 'logs',
}

/** Tells its states in turn, and from then on the last one. */
function passing(...states: [string, ...string[]]): () => string {
  return () => (states.length > 1 ? (states.shift() as string) : states[0])
}

/** A cluster that goes from state to state, each of them seen at least once. */
class Cluster {
  readonly id = 'cluster-igklspoyj5v'
  readonly certificates: Readonly<Record<string, string>>
  #state = passing('CREATE_IN_PROGRESS', 'UNINITIALIZED')
  #hsms: { HsmId: string; AvailabilityZone: string; EniIp: string; state: () => string }[] = []

  /** @param certificates PEM */
  constructor(certificates: Readonly<Record<string, string>>) {
    this.certificates = certificates
  }

  addHsm(zone: string): object {
    const number = this.#hsms.length + 1
    const hsm = {
      HsmId: `hsm-ted36yp5b2${number + 1}`,
      AvailabilityZone: zone,
      EniIp: `10.0.${15 + number}.10`,
    }
    this.#hsms.push({ ...hsm, state: passing('CREATE_IN_PROGRESS', 'ACTIVE') })
    return { ...hsm, State: 'CREATE_IN_PROGRESS' }
  }

  removeHsm(id: string): boolean {
    const before = this.#hsms.length
    this.#hsms = this.#hsms.filter(({ HsmId }) => HsmId !== id)
    return this.#hsms.length < before
  }

  initialize(): void {
    this.#state = passing('INITIALIZE_IN_PROGRESS', 'INITIALIZED')
  }

  modify(): void {
    this.#state = passing('MODIFY_IN_PROGRESS', 'ACTIVE')
  }

  describe() {
    return {
      ...{ ClusterId: this.id, State: this.#state(), SecurityGroup: 'sg-6cb2c216', HsmType: 'hsm2m.medium' },
      Mode: 'FIPS',
      Certificates: this.certificates,
      Hsms: this.#hsms.map(({ state, ...hsm }) => ({ ...hsm, State: state() })),
    }
  }
}

/** Makes what an HSM shows before its cluster is initialized. The key of the request stays with the HSM. */
function makeCertificates(): Record<string, string> {
  const make = (...args: string[]) =>
    execFileSync('openssl', ['req', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  const certificate = make('-x509', '-subj', '/CN=HSM')
  return {
    ClusterCsr: make('-subj', '/O=Cavium/CN=HSM:1:PARTN:1, for FIPS mode'),
    HsmCertificate: certificate,
    AwsHardwareCertificate: certificate,
    ManufacturerHardwareCertificate: certificate,
  }
}

/** Returns the answers to requests, by operation. One that is not there fails the command. */
function answersOf(cluster: Cluster): Record<string, (request: Record<string, string>) => object | string> {
  const backup = { BackupId: 'backup-ro5c4er4aac', BackupState: 'READY', ClusterId: cluster.id }
  let subnets = 0
  return {
    CreateVpc: () => '<CreateVpcResponse><vpc><vpcId>vpc-50ae0636</vpcId></vpc></CreateVpcResponse>',
    CreateSubnet: () => {
      const id = `subnet-49a1bc0${++subnets}`
      return `<CreateSubnetResponse><subnet><subnetId>${id}</subnetId></subnet></CreateSubnetResponse>`
    },
    ModifyInstanceAttribute: () =>
      '<ModifyInstanceAttributeResponse><return>true</return></ModifyInstanceAttributeResponse>',
    CreateCluster: () => ({ Cluster: { ...cluster.describe(), Hsms: [] } }),
    DescribeClusters: () => ({ Clusters: [cluster.describe()] }),
    ModifyCluster: () => {
      cluster.modify()
      return { Cluster: cluster.describe() }
    },
    CreateHsm: ({ AvailabilityZone = '' }) => ({ Hsm: cluster.addHsm(AvailabilityZone) }),
    DeleteHsm: ({ HsmId = '' }) => (cluster.removeHsm(HsmId) ? { HsmId } : {}),
    InitializeCluster: () => {
      cluster.initialize()
      return { State: 'INITIALIZE_IN_PROGRESS' }
    },
    DescribeBackups: () => ({
      Backups: [
        { ...backup, CreateTimestamp: 1_700_000_000, BackupId: 'backup-aaaaaaaaaaa' },
        { ...backup, CreateTimestamp: 1_800_000_000 },
      ],
    }),
    ModifyBackupAttributes: () => ({ Backup: { ...backup, NeverExpires: true } }),
    CopyBackupToRegion: () => ({ DestinationBackup: { SourceBackup: backup.BackupId } }),
    ListMetrics: () => ({
      Metrics: [{ Namespace: 'AWS/CloudHSM', MetricName: 'HsmUnhealthy', Dimensions: [] }],
    }),
    FilterLogEvents: () => ({ events: [{ message: 'Opcode : CN_LOGIN (0xd)\nUser Name : signer_1' }] }),
    PutMetricAlarm: () => ({}),
    PutMetricFilter: () => ({}),
    PutRetentionPolicy: () => ({}),
  }
}

async function readCall(request: IncomingMessage): Promise<Omit<Call, 'answer'>> {
  const body = await text(request)
  const target = request.headers['x-amz-target']
  if (typeof target === 'string') {
    const [prefix = '', operation = ''] = target.split('.')
    return { service: `${SERVICES[prefix]}`, operation, request: JSON.parse(body) }
  }
  const { Action = '', ...parameters } = Object.fromEntries(new URLSearchParams(body))
  return { service: 'ec2', operation: Action, request: parameters }
}

/** Starts it; it ends with the test. */
export async function startCloud(t: { teardown(act: () => unknown): void }): Promise<Cloud> {
  const calls: Call[] = []
  const answers = answersOf(new Cluster(makeCertificates()))
  const server = createServer(async (request, response) => {
    const call = await readCall(request)
    const answer = answers[call.operation]?.(call.request as Record<string, string>)
    if (answer === undefined) {
      response.writeHead(400).end(JSON.stringify({ __type: 'UnknownOperationException' }))
      return
    }
    calls.push({ ...call, answer: answer as Call['answer'] })
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const environment = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    ...{ AWS_ACCESS_KEY_ID: 'example', AWS_SECRET_ACCESS_KEY: 'example', AWS_EC2_METADATA_DISABLED: 'true' },
    ...{ AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_MAX_ATTEMPTS: '1' },
  }
  return { environment, calls }
}

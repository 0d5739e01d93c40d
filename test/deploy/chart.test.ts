/** The chart, as helm renders it, is what Kubernetes and those who read its custom resources take, and keeps its promises. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { codeBlocks } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'
import { hasPromtool } from '../support/validators/promtool.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'
import {
  CHART,
  KUBERNETES_VERSIONS,
  type Manifest,
  type PodSpec,
  render,
  runHelm,
  type Values,
} from './chart.ts'
import { CUSTOM_RESOURCES, HELM, KUBERNETES_VALIDATE, withoutTool } from './tools.ts'
import { LEAST, SETS } from './values.ts'

const skip = withoutTool(HELM)
const read = (path: string) => readFileSync(repositoryPath(path), 'utf8')

/** Kinds that Kubernetes itself does not know. */
const isCustom = ({ apiVersion }: Manifest) =>
  /^(monitoring\.coreos\.com|cert-manager\.io)\//.test(apiVersion)

function podOf(manifest: Manifest): PodSpec {
  const template = manifest.spec.template ?? manifest.spec.jobTemplate?.spec.template
  if (template === undefined) {
    throw new Error(`a ${manifest.kind} has no pods`)
  }
  return template.spec
}

t.test('helm lint finds nothing', { skip }, async (t) => {
  for (const [name, options] of [...SETS, ['no values', {}] as const]) {
    const { status, stdout, stderr } = runHelm('lint', options)
    t.equal(status, 0, `${name}: ${stdout}${stderr}`)
    t.notMatch(stdout, /\[(WARNING|ERROR)\]/, name)
  }
})

t.test('Kubernetes takes the manifests', { skip: skip || withoutTool(KUBERNETES_VALIDATE) }, async (t) => {
  for (const version of KUBERNETES_VERSIONS) {
    // One start of the program for all of them, since it takes a second
    const manifests = [...SETS.values()].flatMap((options) => render({ ...options, version }).manifests)
    const ours = manifests.filter((manifest) => !isCustom(manifest))
    await withTemporaryFiles(
      { manifests: ours.map((one) => `---\n${JSON.stringify(one)}\n`).join('') },
      async (path) => {
        const args = ['--strict', '--kubernetes-version', version, path.manifests]
        const { status, stdout, stderr } = spawnSync(KUBERNETES_VALIDATE, args, { encoding: 'utf8' })
        const faults = [...`${stdout}${stderr}`.matchAll(/^(?!INFO).+$/gm)].map(([line]) => line)
        t.strictSame({ status, faults }, { status: 0, faults: [] }, version)
        t.equal([...stdout.matchAll(/^INFO\s+.* passed/gm)].length, ours.length, 'each was judged')
      },
    )
  }
})

t.test(
  'so do the operators that read custom resources',
  { skip: skip || withoutTool(CUSTOM_RESOURCES) },
  async (t) => {
    const input = [...SETS.values()].map((options) => `---\n${render(options).text}\n`).join('')
    const { status, stdout, stderr } = spawnSync(CUSTOM_RESOURCES, { input, encoding: 'utf8' })
    t.equal(status, 0, stderr)
    t.equal(stdout, '9 custom resources, 0 problems\n')
    const misspelled = 'apiVersion: cert-manager.io/v1\nkind: Certificate\nspec: { secretNames: x }\n'
    t.match(spawnSync(CUSTOM_RESOURCES, { input: misspelled, encoding: 'utf8' }), {
      status: 1,
      stderr: /^Certificate: .*unknown field "secretNames"/,
    })
  },
)

t.test('the rules are those of docker/monitoring/alerts.yaml', { skip }, async (t) => {
  const { spec } = render({ files: ['values-cloudhsm.yaml'] }).only('PrometheusRule')
  t.strictSame(spec, parse(read('docker/monitoring/alerts.yaml')))
  t.test('and promtool takes them', { skip: !(await hasPromtool()) && 'there is no promtool' }, async (t) => {
    await withTemporaryFiles({ rules: JSON.stringify(spec) }, async (path) => {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', path.rules], {
        encoding: 'utf8',
      })
      t.equal(status, 0, `${stdout}${stderr}`)
    })
  })
})

t.test(
  'the dashboard is that of docker/monitoring, where the sidecar of Grafana finds it',
  { skip },
  async (t) => {
    const dashboard = read('docker/monitoring/grafana/dashboards/signing-service.json')
    for (const [labels, wanted] of [
      [{}, { grafana_dashboard: '1' }],
      [{ team: 'signing' }, { grafana_dashboard: '1', team: 'signing' }],
      [{ grafana_dashboard: 'signing' }, { grafana_dashboard: 'signing' }],
    ] as const) {
      const values = { ...LEAST, grafanaDashboard: { enabled: true, labels } }
      const { metadata, data } = render({ values }).only('ConfigMap', 'signing-service-dashboard')
      t.match(metadata.labels, { ...wanted, 'app.kubernetes.io/name': 'signing-service' })
      t.strictSame(data, { 'signing-service.json': dashboard })
    }
    // The API server takes no more (1 MiB)
    t.ok(Buffer.byteLength(dashboard) < 1024 * 1024)
    t.notMatch(render({ values: LEAST }).text, 'grafana_dashboard', 'it is there only if it is asked for')
  },
)

t.test('each pod runs without rights, and within its memory', { skip }, async (t) => {
  for (const [name, options] of SETS) {
    const workloads = render(options).manifests.filter(({ kind }) =>
      /^(Deployment|StatefulSet|CronJob)$/.test(kind),
    )
    for (const workload of workloads) {
      const { securityContext, containers, initContainers = [] } = podOf(workload)
      t.match(
        securityContext,
        { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        name,
      )
      for (const container of [...containers, ...initContainers]) {
        t.match(
          container.securityContext,
          { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          `${name}, ${container.name}`,
        )
        t.match(container.resources.limits.memory, /^\d+[GM]i$/, `${name}, ${container.name}`)
      }
      t.notOk('command' in containers[0], 'the entry point of the image, which forbids core dumps, is kept')
      t.match(podOf(workload), { automountServiceAccountToken: false, enableServiceLinks: false })
    }
  }
})

t.test('a pod has longer to end than the service takes', { skip }, async (t) => {
  const grace = (settings: Values) =>
    podOf(render({ values: { ...LEAST, settings } }).only('Deployment')).terminationGracePeriodSeconds
  t.equal(grace({}), 15)
  t.equal(grace({ SHUTDOWN_DELAY_MS: 12_001, HSM_TIMEOUT_MS: 9000 }), 28)
})

t.test('settings reach the service as they are', { skip }, async (t) => {
  const settings = {
    SIGNING_SERVICE_BODY_LIMIT: 500_000_000,
    WEB_SDK: true,
    TSA_URL: 'https://a.example.com,https://b.example.com/?a=1&b=2',
  }
  const { env = [] } = podOf(render({ values: { ...LEAST, settings } }).only('Deployment')).containers[0]
  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]))
  t.match(variables, Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, `${value}`])))
})

t.test('values that do not go together are refused in words', { skip }, async (t) => {
  const refusals: [words: string, values: Values][] = [
    ['pin: set exactly one of', { ...LEAST, pin: {} }],
    ['pin: set exactly one of', { ...LEAST, pin: { existingSecret: 'a', awsSecretId: 'b' } }],
    ['settings.ACCESS is tokens: set exactly one of', { ...LEAST, access: {} }],
    ['settings.ACCESS is jwt: set exactly one of', { ...LEAST, access: {}, settings: { ACCESS: 'jwt' } }],
    ['users are for settings.ACCESS of tokens alone', { ...LEAST, settings: { ACCESS: 'open' } }],
    [
      'keys are for settings.ACCESS of jwt alone',
      { ...LEAST, access: { existingSecret: 'a', keys: { keys: [] } } },
    ],
    ['the pods would reach no HSM', { ...LEAST, networkPolicy: {} }],
    [
      'library.image or library.volume',
      { ...LEAST, library: { image: { repository: 'a' }, volume: { emptyDir: {} } } },
    ],
    [
      'library.configuration.files or library.configuration.existingConfigMap',
      { ...LEAST, library: { configuration: { files: { a: 'b' }, existingConfigMap: 'c' } } },
    ],
    [
      'signers.existingConfigMap takes the place',
      { ...LEAST, signers: { existingConfigMap: 'a', file: { signers: {} } } },
    ],
    [
      'tls.existingSecret or tls.certManager, not both',
      { ...LEAST, tls: { existingSecret: 'a', certManager: { enabled: true, issuerRef: { name: 'b' } } } },
    ],
    ['set tls.certManager.issuerRef', { ...LEAST, tls: { certManager: { enabled: true } } }],
    ['certificates of callers take TLS', { ...LEAST, tls: { clientCa: { existingSecret: 'a' } } }],
    [
      'check.signerCa is a file of',
      { ...LEAST, check: { enabled: true, tokenSecret: 'a', signerCa: 'ca.pem' } },
    ],
    ['set check.tokenSecret', { ...LEAST, check: { enabled: true } }],
    [
      'set check.clientSecret',
      {
        ...LEAST,
        tls: { existingSecret: 'a', clientCa: { existingSecret: 'b' } },
        check: { enabled: true, tokenSecret: 'c' },
      },
    ],
    ['set replicaCount to 1', { softhsm: { enabled: true } }],
    [
      'without autoscaling, audit and pin',
      { softhsm: { enabled: true }, replicaCount: 1, pin: { existingSecret: 'a' } },
    ],
  ]
  for (const [words, values] of refusals) {
    const { status, stderr } = runHelm('template', { values })
    t.not(status, 0, words)
    t.ok(stderr.includes(words), `${words}: ${stderr}`)
  }
})

t.test(
  'values that the chart does not know are refused, and settings that the service does not',
  { skip },
  async (t) => {
    const refusals: [place: string, values: Values][] = [
      ['replicas', { ...LEAST, replicas: 2 }],
      ['HSM_SESION', { ...LEAST, settings: { HSM_SESION: 2 } }],
      ['HSM_PIN', { ...LEAST, settings: { HSM_PIN: 'never in values' } }],
      ['SIGNING_SERVICE_PORT', { ...LEAST, settings: { SIGNING_SERVICE_PORT: 6001 } }],
      ['HSM_SESSIONS', { ...LEAST, settings: { HSM_SESSIONS: 0 } }],
      // It would be 1
      ['HSM_KEY_ID', { ...LEAST, settings: { HSM_KEY_ID: 1 } }],
      ['HSM_TOKEN_SERIAL', { ...LEAST, settings: { HSM_TOKEN_SERIAL: 9876543210987652 } }],
      ['LEVEL', { ...LEAST, settings: { LEVEL: 'b-l' } }],
      ['digest', { ...LEAST, image: { digest: 'latest' } }],
    ]
    for (const [place, values] of refusals) {
      const { status, stderr } = runHelm('template', { values })
      t.not(status, 0, place)
      t.match(stderr, /don't meet the specifications of the schema/, place)
      t.ok(stderr.includes(place), stderr)
    }
  },
)

t.test(
  'the metric of the autoscaler is the mean wait of each pod, and 0 without requests',
  {
    skip: !(await hasPromtool()) && 'there is no promtool',
  },
  async (t) => {
    const [block = ''] = codeBlocks(readPage('docs/kubernetes.md'), 'yaml')
    const [rule] = parse(block).rules.custom
    t.equal(rule.name.as, parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')).autoscaling.metric)
    const expr = rule.metricsQuery
      .replaceAll('<<.GroupBy>>', 'pod')
      .replaceAll('<<.LabelMatchers>>', 'namespace="signing",pod=~"busy|idle"')
    const series = (name: string, pod: string, values: string) => ({
      series: `signing_service_hsm_wait_seconds_${name}{namespace="signing",pod="${pod}"}`,
      values,
    })
    const test = {
      tests: [
        {
          interval: '30s',
          input_series: [
            series('sum', 'busy', '0+3x20'),
            series('count', 'busy', '0+60x20'),
            series('sum', 'idle', '7x20'),
            series('count', 'idle', '9x20'),
          ],
          promql_expr_test: [
            {
              expr,
              eval_time: '8m',
              exp_samples: [
                { labels: '{pod="busy"}', value: 0.05 },
                { labels: '{pod="idle"}', value: 0 },
              ],
            },
          ],
        },
      ],
    }
    await withTemporaryFiles({ test: JSON.stringify(test) }, async (path) => {
      const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', path.test], {
        encoding: 'utf8',
      })
      t.equal(status, 0, `${stdout}${stderr}`)
    })
  },
)

t.test('the values for the vendor’s chart name what this one makes', { skip }, async (t) => {
  const { documentSigningService, certificateTrust } = parse(
    readFileSync(join(CHART, 'values-document-engine.yaml'), 'utf8'),
  )
  const rendered = render({ files: ['values-cloudhsm.yaml'] })
  const { name } = rendered.only('Service', 'signing-service').metadata
  t.equal(documentSigningService.url, `https://${name}:6000/sign`)
  const { secretName, dnsNames } = rendered.only('Certificate').spec as {
    secretName: string
    dnsNames: string[]
  }
  t.ok(dnsNames.includes(name))
  const [authority] = certificateTrust.customCertificates
  t.match(authority, {
    path: certificateTrust.downloaderTrustFileName,
    secret: { name: secretName, key: 'ca.crt' },
  })
})

t.test('the package of a release names its image', { skip }, async (t) => {
  const directory = t.testdir()
  const digest = `sha256:${'1'.repeat(64)}`
  const image = 'registry.example.com/signing-service'
  const env = { ...process.env, PATH: `${dirname(HELM)}:${process.env.PATH}` }
  const args = ['9.8.7', image, digest, directory]
  const { status, stdout, stderr } = spawnSync(repositoryPath('docker/package-chart.sh'), args, {
    env,
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr)
  const packaged = stdout.trim()
  t.equal(packaged, join(directory, 'signing-service-9.8.7.tgz'))
  const { text, manifests } = render({ chart: packaged, files: ['values-cloudhsm.yaml'] })
  t.match(text, `image: ${image}@${digest}`)
  t.match(manifests, [{ metadata: { labels: { 'app.kubernetes.io/version': '9.8.7' } } }])
  t.match(text, 'SigningServiceDown', 'a package has no links')
  t.match(text, '"title": "Signing service"')
})

t.test('the chart has the version of the service', async (t) => {
  const { version } = JSON.parse(read('package.json'))
  t.match(parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')), { version, appVersion: version })
})

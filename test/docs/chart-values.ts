/** The values of the Helm chart: their schema, of which that of the settings comes from the service's own, and their table. */
import { readFileSync } from 'node:fs'
import { type TSchema, Type } from 'typebox'
import { isCollection, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { Environment } from '../../schemas/configuration.ts'
import { markdownTable } from '../support/markdown.ts'
import { repositoryPath } from '../support/repository.ts'

export const KUBERNETES = 'docs/kubernetes.md'
export const VALUES_SCHEMA = 'docker/helm/signing-service/values.schema.json'
const VALUES = 'docker/helm/signing-service/values.yaml'

/** Variables that other values set, and those that belong into no values: secrets, and users for which a pod has no rights. */
const NO_SETTINGS = new Set([
  ...['HSM_MODULE', 'HSM_PIN', 'HSM_PIN_FILE', 'HSM_PIN_SECRET_ID', 'HSM_USER', 'SIGNING_SERVICE_USER'],
  ...['SIGNERS_FILE', 'ACCESS_FILE', 'TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CLIENT_CA_FILE', 'AUDIT_FILE'],
  ...['SIGNING_SERVICE_PORT', 'ADMIN_PORT', 'TSA_PASSWORD'],
])

const text = Type.String()
const flag = Type.Boolean()
const labels = Type.Record(Type.String(), text)
const count = Type.Integer({ minimum: 0 })
/** Schema of what Kubernetes alone judges. */
const kubernetesObject = Type.Record(Type.String(), Type.Unknown())
const list = Type.Array(kubernetesObject)
const pullPolicy = Type.Enum(['Always', 'IfNotPresent', 'Never'])
const digest = Type.String({ pattern: '^(sha256:[0-9a-f]{64})?$' })
const duration = Type.String({ pattern: '^[0-9]+(h|m|s)$' })
const quantity = Type.Union([Type.String({ pattern: '^[0-9.]+[A-Za-z]*$' }), Type.Number()])
const wish = Type.Enum(['ScheduleAnyway', 'DoNotSchedule', ''])

/** Helm fills in what a values file leaves out before it looks at the schema. */
function object(properties: Record<string, TSchema>) {
  return Type.Partial(Type.Object(properties), { additionalProperties: false })
}

const Values = object({
  replicaCount: count,
  image: object({ repository: Type.String({ minLength: 1 }), tag: text, digest, pullPolicy }),
  imagePullSecrets: list,
  nameOverride: text,
  fullnameOverride: text,
  settings: object(settings()),
  library: object({
    module: text,
    path: text,
    image: object({ repository: text, tag: text, digest, pullPolicy }),
    volume: kubernetesObject,
    configuration: object({ path: text, files: Type.Record(Type.String(), text), existingConfigMap: text }),
    writablePath: text,
  }),
  pin: object({
    existingSecret: text,
    secretKey: text,
    secretProviderClass: text,
    secretProviderFile: text,
    awsSecretId: text,
  }),
  signers: object({
    file: kubernetesObject,
    certificates: Type.Record(Type.String(), text),
    existingConfigMap: text,
  }),
  access: object({ users: list, existingSecret: text, existingConfigMap: text, keys: kubernetesObject }),
  tls: object({
    existingSecret: text,
    certManager: object({
      enabled: flag,
      issuerRef: object({ name: text, kind: text, group: text }),
      dnsNames: Type.Array(text),
      duration,
      renewBefore: duration,
    }),
    clientCa: object({ existingSecret: text, secretKey: text }),
  }),
  audit: object({ enabled: flag, size: quantity, storageClassName: text }),
  service: object({
    type: Type.Enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    annotations: Type.Record(Type.String(), text),
  }),
  resources: kubernetesObject,
  probes: object({ startup: kubernetesObject, readiness: kubernetesObject, liveness: kubernetesObject }),
  podDisruptionBudget: object({ enabled: flag, maxUnavailable: Type.Union([count, text]) }),
  topologySpread: object({ zones: wish, nodes: wish }),
  networkPolicy: object({
    enabled: flag,
    callers: list,
    monitoring: list,
    dns: list,
    hsm: list,
    hsmPorts: list,
    internet: list,
    extraEgress: list,
  }),
  serviceMonitor: object({ enabled: flag, interval: duration, labels }),
  prometheusRule: object({ enabled: flag, labels }),
  grafanaDashboard: object({ enabled: flag, labels }),
  autoscaling: object({
    enabled: flag,
    minReplicas: count,
    maxReplicas: count,
    metric: text,
    averageValue: quantity,
  }),
  check: object({
    enabled: flag,
    schedule: text,
    signers: Type.Array(text),
    signerCa: text,
    options: Type.Array(Type.String({ pattern: '^--' })),
    tokenSecret: text,
    tokenSecretKey: text,
    caSecret: text,
    caSecretKey: text,
    clientSecret: text,
  }),
  serviceAccount: object({ create: flag, name: text, annotations: Type.Record(Type.String(), text) }),
  softhsm: object({ enabled: flag }),
  podSecurityContext: kubernetesObject,
  securityContext: kubernetesObject,
  podAnnotations: Type.Record(Type.String(), text),
  podLabels: Type.Record(Type.String(), text),
  nodeSelector: Type.Record(Type.String(), text),
  tolerations: list,
  affinity: kubernetesObject,
  priorityClassName: text,
  extraEnv: list,
  extraVolumes: list,
  extraVolumeMounts: list,
  // Helm hands these on to a chart that is part of another one
  global: kubernetesObject,
})

/** Returns the schemas of the variables, as numbers and booleans too, without patterns, which Go reads in another way. */
/**
 * Returns a schema for each variable. A text must be one in the values, too: Helm makes 1 of an id that is 01, and other digits of
 * a long serial number.
 */
function settings(): Record<string, TSchema> {
  const variables = Object.entries<TSchema & { enum?: string[]; type?: string; description?: string }>(
    Environment.properties,
  )
  return Object.fromEntries(
    variables
      .filter(([name]) => !NO_SETTINGS.has(name))
      .map(([name, { enum: choices, type, description = '', ...schema }]) => {
        if (choices !== undefined) {
          const values = choices.includes('true') ? [...choices, true, false] : choices
          return [name, Type.Unsafe({ enum: values, description })]
        }
        const { minimum, maximum } = schema as { minimum?: number; maximum?: number }
        return [
          name,
          type === 'integer'
            ? Type.Unsafe({ type, minimum, maximum, description })
            : Type.Unsafe({ type: name === 'HSM_SLOT' ? ['string', 'integer'] : 'string', description }),
        ]
      }),
  )
}

/** Returns the text of the schema that Helm checks values with. */
export function describeValuesSchema(): string {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', ...Values }
  return `${JSON.stringify(schema, null, 2)}\n`
}

/** A row for each value with a comment in values.yaml. */
interface Row {
  readonly name: string
  readonly byDefault: string
  readonly meaning: string
}

/** Returns the table of the values. */
export function describeValues(): string[] {
  const rows = listValues()
  return [
    markdownTable(
      ['value', 'default', 'meaning'],
      rows.map(({ name, byDefault, meaning }) => [`\`${name}\``, byDefault, meaning]),
    ),
  ]
}

/** Returns what values.yaml says of its values. @throws if it says nothing of one */
export function listValues(): readonly Row[] {
  const document = parseDocument(readFileSync(repositoryPath(VALUES), 'utf8'))
  return rowsOf(document.contents as YAMLMap, '')
}

function rowsOf(map: YAMLMap, path: string): Row[] {
  return map.items.flatMap((pair, index) => {
    const name = `${path}${(pair as Pair<{ value: string }>).key.value}`
    const { key, value } = pair as { key: { commentBefore?: string }; value: unknown }
    // The comment of the first one is that of the map
    const comment = (index === 0 && path !== '' ? map.commentBefore : key.commentBefore) ?? ''
    // A part above a blank line is about the file
    const meaning = (comment.split(/\n\s*\n/).at(-1) ?? '').replaceAll(/\s*\n\s*/g, ' ').trim()
    const inner = isMap(value) && value.items.length > 0 ? value : undefined
    const areInnerCommented = inner?.commentBefore !== undefined
    if (meaning === '' && !areInnerCommented) {
      throw new Error(`${VALUES} says nothing of ${name}`)
    }
    const row = { name, byDefault: inner ? (areInnerCommented ? '' : 'see there') : describe(value), meaning }
    return [
      ...(meaning === '' ? [] : [row]),
      ...(areInnerCommented ? rowsOf(inner as YAMLMap, `${name}.`) : []),
    ]
  })
}

function describe(value: unknown): string {
  if (isScalar(value)) {
    return value.value === '' ? '' : `\`${value.value}\``
  }
  const json = JSON.stringify(value)
  return isCollection(value) && json.length > 30 ? 'see there' : `\`${json}\``
}

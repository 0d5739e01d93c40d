/** Sets of values that the chart is tested with. */
import { createJwtKey, createKeySet } from '../support/jwt.ts'
import type { RenderOptions, Values } from './chart.ts'

/** Values without which nothing is rendered, for an HSM. */
export const LEAST: Values = {
  pin: { existingSecret: 'hsm-pin' },
  access: { existingSecret: 'access' },
  networkPolicy: { hsm: [{ ipBlock: { cidr: '10.0.16.0/20' } }] },
}

/** All that can be switched on, and is not in values-cloudhsm.yaml. */
const EVERYTHING: Values = {
  ...LEAST,
  nameOverride: 'signing',
  image: { digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'registry' }],
  pin: { secretProviderClass: 'hsm-pin', secretProviderFile: 'hsm-pin' },
  library: {
    volume: { hostPath: { path: '/opt/cloudhsm' } },
    configuration: { existingConfigMap: 'cloudhsm' },
  },
  signers: { existingConfigMap: 'signers' },
  access: { keys: createKeySet(createJwtKey()) },
  settings: {
    ACCESS: 'jwt',
    ACCESS_JWT_ISSUER: 'https://login.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
    SIGNING_SERVICE_BODY_LIMIT: 100_000_000,
    TLS_CLIENT_NAMES: 'document-engine.example.com',
  },
  tls: {
    certManager: {
      enabled: true,
      issuerRef: { name: 'ca', kind: 'Issuer' },
      dnsNames: ['signing.example.com'],
    },
    clientCa: { existingSecret: 'client-ca', secretKey: 'authorities.pem' },
  },
  service: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' } },
  networkPolicy: {
    hsm: [{ ipBlock: { cidr: '10.0.16.0/20' } }],
    extraEgress: [{ to: [{ ipBlock: { cidr: '10.1.0.10/32' } }], ports: [{ port: 3128, protocol: 'TCP' }] }],
  },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
  grafanaDashboard: { enabled: true, labels: { team: 'signing' } },
  autoscaling: { enabled: true },
  check: {
    enabled: true,
    signers: ['contracts'],
    signerCa: 'root.pem',
    options: ['--level=b-lt'],
    tokenSecret: 'check',
    caSecret: 'ca',
    clientSecret: 'check-client',
  },
  serviceAccount: { name: 'signer', annotations: { 'example.com/role': 'signing' } },
  podAnnotations: { 'example.com/note': 'yes' },
  podLabels: { team: 'signing' },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'signing', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'signing',
  extraEnv: [{ name: 'AWS_REGION', value: 'eu-central-1' }],
  extraVolumes: [{ name: 'tsa', secret: { secretName: 'tsa' } }],
  extraVolumeMounts: [{ name: 'tsa', mountPath: '/run/secrets/tsa', readOnly: true }],
}

/** Sets of values by name. */
export const SETS: ReadonlyMap<string, RenderOptions> = new Map<string, RenderOptions>([
  ['the least', { values: LEAST }],
  ['SoftHSM', { files: ['values-softhsm.yaml'] }],
  ['CloudHSM', { files: ['values-cloudhsm.yaml'] }],
  ['everything', { values: EVERYTHING }],
  [
    'everything with an audit log',
    { values: { ...EVERYTHING, audit: { enabled: true, storageClassName: 'fast' } } },
  ],
  ['a secret of AWS', { values: { ...LEAST, pin: { awsSecretId: 'signing-service/hsm-pin' } } }],
])

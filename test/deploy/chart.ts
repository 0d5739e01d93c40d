/** The chart of docker/helm, as helm renders it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { repositoryPath } from '../support/repository.ts'
import { HELM } from './tools.ts'

export const CHART = repositoryPath('docker/helm/signing-service')
/** Versions of Kubernetes that manifests are rendered for: the oldest that Chart.yaml allows, and the newest that is known. */
export const KUBERNETES_VERSIONS = ['1.27.0', '1.37.0']

/** Values, as nested objects. */
export type Values = Readonly<Record<string, unknown>>

export interface VolumeMount {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value: string }[]
  readonly volumeMounts?: readonly VolumeMount[]
  readonly resources: { readonly limits: { readonly memory: string } }
  readonly securityContext: Readonly<Record<string, unknown>>
}

interface FileSource {
  readonly name?: string
  readonly secretName?: string
  readonly defaultMode: number
  readonly items?: readonly { readonly key: string; readonly path: string }[]
}

export interface Volume {
  readonly name: string
  readonly secret?: FileSource
  readonly configMap?: FileSource
}

export interface PodSpec {
  readonly initContainers?: readonly Container[]
  readonly containers: readonly [Container]
  readonly volumes?: readonly Volume[]
  readonly terminationGracePeriodSeconds?: number
  readonly securityContext: Readonly<Record<string, unknown>>
}

interface PodTemplate {
  readonly spec: PodSpec
}

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly template?: PodTemplate
    readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } }
  }
}

export interface Rendered {
  /** Manifests, YAML, as helm printed them. */
  readonly text: string
  readonly manifests: readonly Manifest[]
  /** Returns the only manifest of a kind, or of a kind and a name. */
  only(kind: string, name?: string): Manifest
}

export interface RenderOptions {
  /** Path of a package, in place of the folder of the chart. */
  readonly chart?: string
  /** Names of files of the chart, such as values-softhsm.yaml. */
  readonly files?: readonly string[]
  /** Values that count before those of the files. */
  readonly values?: Values
  readonly version?: string
}

/** Returns what helm renders. @throws with helm's words if it refuses the values */
export function render(options: RenderOptions): Rendered {
  const { status, stdout, stderr } = runHelm('template', options)
  if (status !== 0) {
    throw new Error(stderr)
  }
  const manifests = parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
  const only = (kind: string, name?: string) => {
    const found = manifests.filter(
      (manifest) => manifest.kind === kind && (name === undefined || manifest.metadata.name === name),
    )
    if (found.length !== 1) {
      throw new Error(`${found.length} manifests are a ${kind} ${name ?? ''}`)
    }
    return found[0] as Manifest
  }
  return { text: stdout, manifests, only }
}

/** Runs `helm template` or `helm lint`. */
export function runHelm(
  command: 'lint' | 'template',
  { chart = CHART, files = [], values = {}, version = KUBERNETES_VERSIONS.at(-1) as string }: RenderOptions,
) {
  const directory = mkdtempSync(join(tmpdir(), 'chart-'))
  try {
    const file = join(directory, 'values.json')
    // JSON is YAML
    writeFileSync(file, JSON.stringify(values))
    return spawnSync(
      HELM,
      [
        command,
        ...(command === 'lint' ? ['--strict', chart] : ['signing-service', chart, '--namespace', 'signing']),
        ...['--kube-version', version],
        ...[...files.map((name) => join(CHART, name)), file].flatMap((path) => ['--values', path]),
      ],
      { encoding: 'utf8' },
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/**
 * Runs the containers of a rendered pod without a container engine: bubblewrap gives a process the pod's paths, a root file
 * system that cannot be written, a user that is not root, and no capabilities. The network is that of the host.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repositoryPath } from '../support/repository.ts'
import { lookThrough } from '../support/secret-watch.ts'
import type { Container, PodSpec, Rendered, Volume } from './chart.ts'

/** Content of Secrets and ConfigMaps by name: files by key. */
export type Files = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Folders of the volumes of a pod, by the name of the volume. */
export type Volumes = ReadonlyMap<string, string>

/** Makes the volumes of a pod in a folder: those of the chart's ConfigMaps, and of what else is in the namespace. */
export function createVolumes(directory: string, pod: PodSpec, rendered: Rendered, others: Files): Volumes {
  const ours = rendered.manifests.filter(({ kind }) => kind === 'ConfigMap')
  const files: Files = {
    ...others,
    ...Object.fromEntries(ours.map(({ metadata, data = {} }) => [metadata.name, data])),
  }
  // The folder of a claim has its name, as those of the other volumes do
  const names = new Set(
    [pod.containers, pod.initContainers ?? []]
      .flat()
      .flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)),
  )
  return new Map(
    [...names].map((name) => [name, createVolume(join(directory, name), find(pod, name), files)]),
  )
}

function find({ volumes = [] }: PodSpec, name: string): Volume | undefined {
  return volumes.find((volume) => volume.name === name)
}

function createVolume(folder: string, volume: Volume | undefined, files: Files): string {
  mkdirSync(folder)
  const source = volume?.secret ?? volume?.configMap
  if (source !== undefined) {
    const name = source.secretName ?? source.name ?? ''
    const content = files[name]
    if (content === undefined) {
      throw new Error(`nothing is called ${name}`)
    }
    const items = source.items ?? Object.keys(content).map((key) => ({ key, path: key }))
    for (const { key, path } of items) {
      const text = content[key]
      if (text === undefined) {
        throw new Error(`${name} has no ${key}`)
      }
      writeFileSync(join(folder, path), text, { mode: source.defaultMode })
    }
  }
  return folder
}

/** Parts of a container's image that the pod does not say. */
export interface Image {
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  /** Folders of this machine by their paths in the image, beside the system's and /app. */
  readonly folders?: Readonly<Record<string, string>>
}

/** Returns entry point and command of a stage of docker/Dockerfile. */
export function imageOf(stage: string): Image {
  const text = readFileSync(repositoryPath('docker/Dockerfile'), 'utf8')
  const blocks = new Map(text.split(/^FROM /m).map((block) => [/ AS (\w+)$/m.exec(block)?.[1], block]))
  const read = (instruction: string) => {
    const own = new RegExp(`^${instruction} (\\[.*\\])$`, 'm')
    const line = own.exec(blocks.get(stage) ?? '') ?? own.exec(blocks.get('runtime') ?? '')
    return JSON.parse(line?.[1] ?? '[]') as string[]
  }
  return { entrypoint: read('ENTRYPOINT'), command: read('CMD') }
}

export interface Process {
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  /** stdout and stderr so far. */
  output(): string
}

export interface Place {
  readonly image: Image
  readonly volumes: Volumes
  /** Variables in place of those of the pod: ports of the host. */
  readonly ports?: Readonly<Record<string, string>>
}

/** Starts a container as a process. It is killed with the test. */
export function startContainer(
  t: { teardown(act: () => unknown): void },
  container: Container,
  { image, volumes, ports = {} }: Place,
): Process {
  const mounts = (container.volumeMounts ?? []).toSorted(
    (one, other) => one.mountPath.length - other.mountPath.length,
  )
  const environment: Record<string, string> = {
    NODE_ENV: 'production',
    PATH: '/image/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value])),
    ...ports,
  }
  const entrypoint = container.command ?? image.entrypoint
  const command = container.args ?? (container.command === undefined ? image.command : [])
  const child = spawn('bwrap', [
    ...[
      '--unshare-user',
      '--uid',
      '1000',
      '--gid',
      '1000',
      '--unshare-pid',
      '--unshare-ipc',
      '--die-with-parent',
    ],
    ...[
      '--cap-drop',
      'ALL',
      '--clearenv',
      ...Object.entries(environment).flatMap((one) => ['--setenv', ...one]),
    ],
    ...systemFolders(),
    ...['--ro-bind', repositoryPath(), '/app', '--chdir', '/app'],
    // The command is linked to, as the image has it, from a folder that is not of this machine
    ...['--symlink', '/app/dist/bundle/cli/main.js', '/image/bin/signing-service'],
    ...Object.entries(image.folders ?? {}).flatMap(([path, folder]) => ['--ro-bind', folder, path]),
    ...mounts.flatMap(({ name, mountPath, readOnly }) => [
      readOnly ? '--ro-bind' : '--bind',
      volumes.get(name) ?? '',
      mountPath,
    ]),
    ...['--remount-ro', '/', '--', ...entrypoint, ...command],
  ])
  let output = ''
  const append = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout.on('data', append)
  child.stderr.on('data', append)
  t.teardown(() => {
    child.kill('SIGKILL')
    lookThrough(`the output of the container ${container.name}`, output)
  })
  return { child, exited: once(child, 'close').then(([code]) => code), output: () => output }
}

/** Returns bubblewrap's options for what an image's system has: programs, libraries, names and OpenSSL's configuration. */
function systemFolders(): string[] {
  const links = ['/bin', '/sbin', '/lib', '/lib64'].filter((path) => existsSync(path))
  const node = dirname(dirname(process.execPath))
  const files = [
    '/etc/ssl',
    '/etc/passwd',
    '/etc/group',
    '/etc/nsswitch.conf',
    '/etc/ld.so.cache',
    '/etc/alternatives',
  ]
  return [
    ...['--ro-bind', '/usr', '/usr', '--proc', '/proc', '--dev', '/dev'],
    ...links.flatMap((path) =>
      lstatSync(path).isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path],
    ),
    ...(node.startsWith('/usr') ? [] : ['--ro-bind', node, node]),
    ...files.filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]),
  ]
}

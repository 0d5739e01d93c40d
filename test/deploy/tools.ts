/** Tools that docker/install-tools.sh builds or installs for `npm run test:deploy`, and why tests that need them are skipped. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findPythonEnvironment } from '../support/python.ts'
import { repositoryPath } from '../support/repository.ts'

type Group = 'go-tools' | 'python-tools'

/** Returns the path of a tool, whether or not it is installed. */
export function toolPath(group: Group, name: string): string {
  const directory =
    group === 'go-tools'
      ? execFileSync(repositoryPath('docker/go-tools/directory.sh'), { encoding: 'utf8' }).trim()
      : findPythonEnvironment(group).directory
  return join(directory, 'bin', name)
}

export const HELM = toolPath('go-tools', 'helm')
export const ACTIONLINT = toolPath('go-tools', 'actionlint')
export const CUSTOM_RESOURCES = toolPath('go-tools', 'custom-resources')
export const KUBERNETES_VALIDATE = toolPath('python-tools', 'kubernetes-validate')
export const YAMLLINT = toolPath('python-tools', 'yamllint')
export const HADOLINT = toolPath('python-tools', 'hadolint')
export const ZIZMOR = toolPath('python-tools', 'zizmor')

/** Returns why tests that need a tool are skipped, or false where it is there. */
export function withoutTool(path: string): string | false {
  const group = path.includes('/go-tools-') ? 'go-tools' : 'python-tools'
  return !existsSync(path) && `docker/install-tools.sh ${group} installs what this takes`
}

/** Returns why tests that need bubblewrap are skipped, or false where it can start processes. */
export function withoutBubblewrap(): string | false {
  const tried = spawnSync('bwrap', ['--unshare-user', '--uid', '1000', '--dev-bind', '/', '/', 'true'])
  return (
    tried.status !== 0 &&
    'docker/install-tools.sh bubblewrap installs what this takes, or this machine allows no user namespaces'
  )
}

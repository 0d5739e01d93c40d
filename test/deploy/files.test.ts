/** Linters find nothing in the repository's YAML, Dockerfiles and workflows, and Dependabot watches what pins packages. */
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { repositoryPath } from '../support/repository.ts'
import { ACTIONLINT, HADOLINT, withoutTool, YAMLLINT, ZIZMOR } from './tools.ts'

const cwd = repositoryPath()

/** Returns the files of the repository that match patterns of git, without links to others of them. */
function filesOf(...patterns: string[]): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns]
  const names = execFileSync('git', args, { cwd, encoding: 'utf8' }).trim().split('\n')
  return names.filter((name) => !lstatSync(repositoryPath(name)).isSymbolicLink())
}

/** Templates are none until they are rendered. */
const yamlFiles = filesOf('*.yaml', '*.yml').filter((name) => !name.includes('/templates/'))
const dockerfiles = filesOf('*Dockerfile')

const linters: { judge: string; path: string; args: readonly string[]; files: readonly string[] }[] = [
  {
    judge: 'yamllint',
    path: YAMLLINT,
    args: ['--strict', '--config-file', 'test/deploy/yamllint.yaml', ...yamlFiles],
    files: yamlFiles,
  },
  {
    judge: 'hadolint',
    path: HADOLINT,
    args: ['--failure-threshold', 'style', ...dockerfiles],
    files: dockerfiles,
  },
  { judge: 'actionlint', path: ACTIONLINT, args: [], files: filesOf('.github/workflows/*') },
  {
    judge: 'zizmor',
    path: ZIZMOR,
    // It asks nobody about the actions
    args: ['--offline', '--no-progress', '--persona', 'pedantic', '.github'],
    files: filesOf('.github/*.yml'),
  },
]

for (const { judge, path, args, files } of linters) {
  t.test(`${judge} finds nothing`, { skip: withoutTool(path) }, async (t) => {
    t.ok(files.length > 1, files.join(', '))
    const { status, stdout, stderr } = spawnSync(path, args, { cwd, encoding: 'utf8' })
    t.equal(status, 0, `${stdout}${stderr}`)
  })
}

/** Patterns of the files that pin packages of others, keyed by the name that Dependabot has for their kind. */
const PINNING = {
  npm: ['*package-lock.json'],
  docker: ['docker/Dockerfile'],
  gomod: ['*go.mod'],
  maven: ['*pom.xml'],
  pip: ['docker/**/requirements.txt', 'docker/python/*.txt'],
}

t.test('Dependabot watches each file that pins packages of others', async (t) => {
  const { updates } = parse(readFileSync(repositoryPath('.github/dependabot.yml'), 'utf8')) as {
    updates: { 'package-ecosystem': string; directory?: string; directories?: string[] }[]
  }
  for (const [kind, patterns] of Object.entries(PINNING)) {
    const watched = updates
      .filter((update) => update['package-ecosystem'] === kind)
      .flatMap(({ directory, directories = [] }) => [
        ...directories,
        ...(directory === undefined ? [] : [directory]),
      ])
    const folders = filesOf(...patterns).map((file) => join('/', dirname(file)))
    t.same(watched.sort(), [...new Set(folders)].sort(), kind)
  }
})

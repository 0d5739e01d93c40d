/** Implements `signing-service user`, which keeps the users of ACCESS_FILE. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { HASH_NAMES, MAX_USERS, USER_NAME, type User } from '../../schemas/access-file.ts'
import { SIGNER_NAME } from '../../schemas/signers-file.ts'
import { createToken } from '../access/user-token.ts'
import { defined } from '../common/defined.ts'
import { parseNetworks } from '../common/networks.ts'
import { readAccessFile } from '../configuration/access.ts'
import { problemWith } from '../configuration/problem.ts'
import { type ConfigurationProblem, refuseProblems } from '../errors.ts'
import { CommandFailed, type Io, useFile } from './io.ts'
import { formatTable } from './table.ts'

const SIGNER = new RegExp(`^${SIGNER_NAME}$`)
const HASH_ALGORITHM = new RegExp(`^(${HASH_NAMES.join('|')})$`)

const EXAMPLES = `
The users stand in the file that ACCESS_FILE names, which is made if it does not exist. Each may have signed what its
options allow, everything without any. An option can be given several times.

"add" prints the token of the user to stdout, once: the file has nothing but hashes of it. A running service takes the
file over once it was left alone for SIGNERS_RELOAD_INTERVAL_MS, or at SIGHUP.

Examples:
  signing-service user add contracts-app --signer contracts --container raw > token
  signing-service user list
  signing-service user remove contracts-app
`

interface AddOptions {
  readonly signer?: string[]
  readonly container?: User['containers']
  readonly hashAlgorithm?: User['hashAlgorithms']
  readonly address?: string[]
}

export function addUserCommand(program: Command, io: Io): void {
  const command = program
    .command('user')
    .description('keep the users who may have something signed')
    .addHelpText('after', EXAMPLES)
  command
    .command('add')
    .argument('<name>', 'name of the user, which the log has')
    .description('add a user, and print the token')
    .addOption(several('--signer <name>', 'a signer that the user may use', SIGNER))
    .addOption(several('--container <form>', 'raw or pkcs7', /^(raw|pkcs7)$/))
    .addOption(several('--hash-algorithm <name>', HASH_NAMES.join(', '), HASH_ALGORITHM))
    .addOption(several('--address <network>', 'an address, or a network such as 10.0.0.0/8'))
    .action((name: string, options: AddOptions) => addUser(io, name, options))
  command
    .command('remove')
    .argument('<name>', 'name of the user')
    .description('take a user out, whose token is refused from then on')
    .action((name: string) => removeUser(io, name))
  command
    .command('list')
    .description('list the users')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => listUsers(io, options.json === true))
}

/** Returns an option that collects its values. */
function several(flags: string, description: string, pattern?: RegExp): Option {
  return new Option(flags, `${description}; can be repeated, all by default`).argParser(
    (value: string, before: string[] = []) => {
      if (pattern?.test(value) === false || (pattern === undefined && 'wrong' in parseNetworks([value]))) {
        throw new InvalidArgumentError(`It is none of what is expected: ${description}.`)
      }
      return [...new Set([...before, value])]
    },
  )
}

async function addUser(io: Io, name: string, options: AddOptions): Promise<void> {
  if (!new RegExp(`^${USER_NAME}$`).test(name)) {
    throw new CommandFailed(
      'the name must begin with a letter or a digit, and have letters, digits and ._@- alone',
    )
  }
  const { token, kept } = await createToken()
  const {
    signer: signers,
    container: containers,
    hashAlgorithm: hashAlgorithms,
    address: addresses,
  } = options
  const add = (users: readonly User[]) => {
    if (users.some((user) => user.name === name)) {
      throw new CommandFailed(`there is a user ${name} already: remove it, or add another one beside it`)
    }
    return [...users, { name, ...kept, ...defined({ signers, containers, hashAlgorithms, addresses }) }]
  }
  await changeUsers(io, add, () => printToken(io, token))
  io.errors.write(`the user ${name} was added; this token is shown once\n`)
}

/** @throws CommandFailed if nobody can have seen the token */
function printToken({ output }: Io, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(`${token}\n`, (error) => {
      if (error) {
        reject(new CommandFailed(`the token cannot be printed, and the user was not added: ${error.message}`))
      } else {
        resolve()
      }
    })
  })
}

async function removeUser(io: Io, name: string): Promise<void> {
  await changeUsers(io, (users) => {
    const others = users.filter((user) => user.name !== name)
    if (others.length === users.length) {
      throw new CommandFailed(`there is no user ${name}`)
    }
    return others
  })
  io.errors.write(`the user ${name} was removed\n`)
}

function listUsers(io: Io, json: boolean): void {
  const users = readUsers(io).map(({ check: _, salt: __, hash: ___, ...user }) => user)
  io.output.write(json ? `${JSON.stringify(users, null, 2)}\n` : format(users))
}

const HEADER = ['NAME', 'TOKEN', 'SIGNERS', 'CONTAINERS', 'HASH ALGORITHMS', 'ADDRESSES']

function format(users: readonly Omit<User, 'check' | 'salt' | 'hash'>[]): string {
  const list = (items: readonly string[] = ['all']) => items.join(',')
  const rows = users.map(({ name, tokenId, signers, containers, hashAlgorithms, addresses }) => [
    ...[name, `${tokenId}...`],
    ...[signers, containers, hashAlgorithms, addresses].map(list),
  ])
  return users.length === 0 ? 'There are no users.\n' : formatTable(HEADER, rows)
}

/** @throws ConfigurationError */
function fileOf({ environment: { ACCESS_FILE: file = '' } }: Io): string {
  refuseProblems(file === '' ? [problemWith('ACCESS_FILE', 'is required')] : [])
  return file
}

/** @throws ConfigurationError */
function readUsers(io: Io): readonly User[] {
  const file = fileOf(io)
  const problems: ConfigurationProblem[] = []
  // A link that leads nowhere, and a folder that may not be entered, are no list without users
  const isMissing = useFile(file, 'used', () => lstatSync(file, { throwIfNoEntry: false })) === undefined
  const users = isMissing ? [] : readAccessFile(file, problems)
  refuseProblems(problems)
  return users
}

/**
 * Replaces the file at once, so that nobody reads half of it, with the same owner and mode. The new file, which must not
 * exist, is made before the users are read: two commands cannot undo each other's changes.
 *
 * @param tell says what is needed of the change, before it counts
 */
async function changeUsers(
  io: Io,
  change: (users: readonly User[]) => readonly User[],
  tell = async () => {},
): Promise<void> {
  const given = fileOf(io)
  const file = existsSync(given) ? realpathSync(given) : given
  const next = `${file}.new`
  useFile(next, 'written', () => reserve(next))
  try {
    const before = existsSync(file) ? statSync(file) : undefined
    const users = change(readUsers(io))
    if (users.length > MAX_USERS) {
      throw new CommandFailed(`there are ${MAX_USERS} users, which is as many as can be`)
    }
    useFile(file, 'written', () => {
      writeFileSync(next, `${JSON.stringify({ users }, null, 2)}\n`, { flush: true })
      chmodSync(next, before?.mode ?? 0o644)
      if (before !== undefined) {
        chownSync(next, before.uid, before.gid)
      }
    })
    await tell()
    useFile(
      file,
      'written',
      () => renameSync(next, file),
      'nothing was changed, and a token that was shown counts nowhere; a file that is mounted by itself cannot be replaced, ' +
        'mount its folder: ',
    )
  } catch (error) {
    rmSync(next, { force: true })
    throw error
  }
}

/** Makes a file that must not exist. */
function reserve(file: string): void {
  try {
    writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new Error(
        'another command changes the users, or was cut off while it did; if none runs, remove this file',
      )
    }
    throw error
  }
}

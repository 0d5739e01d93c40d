/** `signing-service completion`: scripts with which shells complete the command's own words, made from its commands. */
import { Argument, type Command } from 'commander'
import type { Io } from './io.ts'

const EXAMPLES = `
Examples:
  signing-service completion bash > ~/.local/share/bash-completion/completions/signing-service
  signing-service completion zsh > ~/.zfunc/_signing-service
  signing-service completion fish > ~/.config/fish/completions/signing-service.fish
`

interface Words {
  readonly name: string
  readonly description: string
  readonly options: readonly { readonly name: string; readonly description: string }[]
  /** What its argument may be. */
  readonly choices: readonly string[]
}

const SHELLS = { bash, zsh, fish }

export function addCompletionCommand(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a script for completion in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action((shell: keyof typeof SHELLS) => {
      io.output.write(SHELLS[shell](program.commands.map(collectWords)))
    })
}

function collectWords(command: Command): Words {
  return {
    name: command.name(),
    description: command.description(),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, description }) => ({ name: `${long}`, description })),
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  }
}

/** Where none of the words fits, bash completes names of files. */
function bash(commands: readonly Words[]): string {
  const cases = commands.map(
    ({ name, options, choices }) =>
      `    ${name}) words='${[...choices, ...options.map((option) => option.name)].join(' ')}' ;;`,
  )
  return `_signing_service() {
  local words
  case $COMP_CWORD in 1) words='${commands.map(({ name }) => name).join(' ')}' ;; *) case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac ;; esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _signing_service signing-service
`
}

function zsh(commands: readonly Words[]): string {
  const described = (name: string, text: string) => quote(`${name}:${text}`)
  const cases = commands.map(({ name, options, choices }) => {
    const words = options.map((option) => described(option.name, option.description))
    return `    ${name}) candidates=(${[...choices.map(quote), ...words].join(' ')}) ;;`
  })
  return `#compdef signing-service
_signing_service() {
  local -a candidates
  if ((CURRENT == 2)); then
    candidates=(${commands.map(({ name, description }) => described(name, description)).join(' ')})
  else case $words[2] in
${cases.join('\n')}
  esac fi
  _describe word candidates || _files
}
_signing_service "$@"
`
}

function fish(commands: readonly Words[]): string {
  return commands
    .flatMap(({ name, description, options, choices }) => [
      `complete -c signing-service -n __fish_use_subcommand -f -a ${name} -d ${quote(description)}`,
      ...choices.map((choice) => `${inCommand(name)} -f -a ${choice}`),
      ...options.map(
        (option) => `${inCommand(name)} -l ${option.name.slice(2)} -d ${quote(option.description)}`,
      ),
    ])
    .map((line) => `${line}\n`)
    .join('')
}

function inCommand(name: string): string {
  return `complete -c signing-service -n '__fish_seen_subcommand_from ${name}'`
}

/** For any of the shells. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

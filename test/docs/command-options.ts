/** Writes the table of options in docs/command-line.md from the command itself. */
import { PassThrough } from 'node:stream'
import { buildProgram } from '../../src/cli/program.ts'
import { markdownTable } from '../support/markdown.ts'

export const COMMAND_LINE = 'docs/command-line.md'

/** Returns the command with all its subcommands, which reads and writes nothing. */
export function documentedProgram() {
  const stream = () => new PassThrough()
  return buildProgram({ environment: {}, input: stream(), output: stream(), errors: stream() })
}

/** Returns the paragraphs with the arguments of each command, and with each option and the commands that take it. */
export function describeOptions(): string[] {
  const commands = documentedProgram().commands
  const all = commands.map((command) => `\`${command.name()}\``)
  const takers = new Map<string, string[]>()
  for (const command of commands) {
    for (const { flags, description, argChoices, defaultValue } of command.options) {
      const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`
      const initially = defaultValue === undefined ? '' : ` (default: ${[defaultValue].flat()})`
      const row = `\`${flags}\` | ${description}${choices}${initially}`
      takers.set(row, [...(takers.get(row) ?? []), `\`${command.name()}\``])
    }
  }
  return [
    markdownTable(
      ['command', 'arguments'],
      commands.map((command) => [`\`${command.name()}\``, `\`${command.usage()}\``]),
    ),
    markdownTable(
      ['option', 'meaning', 'commands'],
      [...takers].map(([row, names]) => [row, summarize(names, all)]),
    ),
  ]
}

/** Returns names in short where they are all, or all but one. */
function summarize(names: readonly string[], all: readonly string[]): string {
  const others = all.filter((name) => !names.includes(name))
  if (others.length === 0) {
    return 'all'
  }
  return others.length === 1 ? `all but ${others}` : names.join(', ')
}

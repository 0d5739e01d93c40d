/** Writes .env.example from the schema of the environment. */
import { Environment } from '../../schemas/configuration.ts'

const HEAD = `# All variables of the service, with their defaults, or an example where there is none. Take away the # in front of those that
# you set, in a copy of this file. The service reads its environment alone: node --env-file=.env dist/bundle/server.js takes the
# copy into it, where a value with # in it has to stand in single quotes; Docker's --env-file would take these for a part of it.
# docs/configuration.md says more of each. Made by npm run docs.
`

const SECRETS: readonly string[] = ['HSM_PIN', 'TSA_PASSWORD']

export interface Variable {
  readonly name: string
  readonly description: string
  /** Its default, or an example where it has none. */
  readonly value: string
}

/** Returns all variables, in the order of the schema. */
export function listVariables(): Variable[] {
  return Object.entries<object>(Environment.properties).map(([name, schema]) => {
    const { description, examples, ...rest } = schema as { description: string; examples: [string] }
    return { name, description, value: 'default' in rest ? `${rest.default}` : examples[0] }
  })
}

/** Returns the text of .env.example: each variable commented out, below its description. */
export function describeEnvironment(): string {
  const variables = listVariables().map(({ name, description, value }) => {
    return `# ${description}\n#${name}=${quote(name, value)}\n`
  })
  return [HEAD, ...variables].join('\n')
}

/** Secrets may have any character, so that whoever fills in one has quotes around it. */
function quote(name: string, value: string): string {
  if (SECRETS.includes(name)) {
    return `'${value}'`
  }
  return /[ '#]/.test(value) ? `"${value}"` : value
}

import { Environment } from '../../schemas/configuration.ts'

/** What the schema says of one variable. */
export interface VariableSchema {
  readonly type?: string
  readonly description?: string
  readonly examples?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
}

/** By name; other names are not there. */
export const VARIABLES: ReadonlyMap<string, VariableSchema> = new Map(Object.entries(Environment.properties))

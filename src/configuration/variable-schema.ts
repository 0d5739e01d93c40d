import { Environment } from '../../schemas/configuration.ts'

/** Schema of one variable. */
export interface VariableSchema {
  readonly type?: string
  readonly description?: string
  readonly examples?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
}

/** Schemas of all variables, keyed by name. */
export const VARIABLES: ReadonlyMap<string, VariableSchema> = new Map(Object.entries(Environment.properties))

import { existsSync } from 'node:fs'
import { runTool } from './run-tool.ts'
import { withTemporaryFiles } from './temporary-files.ts'

/** The system's, as packages are installed for it: there may be others on the PATH. */
const PYTHON = '/usr/bin/python3'

const PROGRAM = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
with open(sys.argv[1], encoding='utf-8', newline='') as file:
    families = list(text_string_to_metric_families(file.read()))
print(json.dumps([
    {'name': f.name, 'type': f.type, 'help': f.documentation,
     'samples': [[s.name, s.labels, str(s.value)] for s in f.samples]}
    for f in families
]))
`

export interface Family {
  /** Of a counter without `_total`. */
  readonly name: string
  readonly type: string
  readonly help: string
  /** Name, labels, value as Python writes it. */
  readonly samples: readonly [string, Readonly<Record<string, string>>, string][]
}

/** Whether Prometheus' own client for Python is there, which reads what others expose. */
export async function hasPrometheusClient(): Promise<boolean> {
  return existsSync(PYTHON) && (await runTool(PYTHON, ['-c', 'import prometheus_client'])).exitCode === 0
}

/** @throws when it is not the text format of Prometheus */
export function readExposition(text: string): Promise<Family[]> {
  return withTemporaryFiles({ text }, async (path) => {
    const { exitCode, stdout, stderr } = await runTool(PYTHON, ['-c', PROGRAM, path.text])
    if (exitCode !== 0) throw new Error(`prometheus_client refuses it: ${stderr.trim()}`)
    return JSON.parse(stdout)
  })
}

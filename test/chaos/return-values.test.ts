/** Under load, one return value of each kind of recovery, for a whole second. */
import t from 'tap'
import { RETURN_VALUES } from '../../src/pkcs11/return-values.ts'
import { returnValues } from './scenarios/return-values.ts'
import { flipped } from './scenarios/slow.ts'
import { play, startStage } from './short.ts'

const firstOfItsKind = new Map([...RETURN_VALUES].reverse().map(([name, recovery]) => [recovery, name]))
const names = new Set(firstOfItsKind.values())
const stage = await startStage(t, 'shared')
for (const scenario of returnValues.filter(({ server, name }) => server === 'shared' && names.has(name))) {
  play(t, stage, scenario)
}
play(t, stage, flipped)

/** Under load, a PIN that is refused: it is not tried again, however many ask. */
import t from 'tap'
import { wrongPin } from './scenarios/pin.ts'
import { returnValues } from './scenarios/return-values.ts'
import { play, startStage } from './short.ts'

for (const scenario of [wrongPin, ...returnValues.filter(({ name }) => name === 'CKR_PIN_LOCKED')]) {
  t.test('on a server of its own', async (t) => {
    await play(t, await startStage(t, scenario.server), scenario)
  })
}

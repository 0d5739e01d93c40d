import { Gauge, type GaugeConfiguration, type Registry } from 'prom-client'

/** A gauge whose values are asked for at each scrape; signers and tokens that are there no more have none. */
export function registerGauge<T extends string>(
  registry: Registry,
  { collect, ...configuration }: GaugeConfiguration<T> & { collect(this: Gauge<T>): void },
): void {
  new Gauge({
    ...configuration,
    registers: [registry],
    collect() {
      this.reset()
      collect.call(this)
    },
  })
}

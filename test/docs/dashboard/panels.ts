/** Kinds of panels of the dashboard. */
import {
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MappingType,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import type { Query } from './queries.ts'

/** A panel whose place and number the dashboard decides. */
export interface PanelPlan {
  readonly width: number
  readonly height: number
  build(): Panel
}

/** The data source that the reader has chosen. */
export const DATASOURCE = { type: 'prometheus', uid: '$datasource' }
const FULL_WIDTH = 24

/** The unit of a value, as Grafana names it. */
export type Unit = 'bytes' | 'd' | 'none' | 'percentunit' | 'reqps' | 's' | 'short'

/** Values from which on the panel has another colour: `[14, 'orange']`; the first colour is that of all below. */
type Steps = readonly [first: string, ...others: (readonly [number, string])[]]

interface About {
  readonly title: string
  /** The panel in a sentence or two, and the alert that belongs to it. */
  readonly description: string
  readonly unit: Unit
}

/** One number, and how it was before. */
export function number(about: About, query: Query, steps: Steps): PanelPlan {
  return {
    ...{ width: 3, height: 4 },
    build: () =>
      new StatBuilder()
        .title(about.title)
        .description(about.description)
        .unit(about.unit)
        .decimals(about.unit === 'd' || about.unit === 'none' ? 0 : 2)
        .datasource(DATASOURCE)
        .withTarget(target('A', query))
        .thresholds(thresholds(steps))
        .graphMode(BigValueGraphMode.Area)
        .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
        .noValue('none')
        .build(),
  }
}

/** Lines over time. */
export function graph(
  about: About,
  queries: readonly Query[],
  { stacked = false, width = 12 } = {},
): PanelPlan {
  return {
    ...{ width, height: 8 },
    build() {
      const builder = new GraphBuilder()
        .title(about.title)
        .description(about.description)
        .unit(about.unit)
        .datasource(DATASOURCE)
        .targets(queries.map((query, index) => target(refId(index), query)))
        .drawStyle(GraphDrawStyle.Line)
        .lineWidth(1)
        .fillOpacity(stacked ? 25 : 8)
        .showPoints(VisibilityMode.Never)
        .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
        .legend(
          new VizLegendOptionsBuilder()
            .displayMode(LegendDisplayMode.Table)
            .placement(LegendPlacement.Bottom)
            .showLegend(true)
            .calcs(['lastNotNull', 'max']),
        )
        .noValue('none')
        // What alerts compare with is a dashed line
        .overrideByRegexp('/limit/', [
          { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } },
          { id: 'custom.fillOpacity', value: 0 },
          { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
        ])
      if (about.unit !== 'd') {
        builder.min(0)
      }
      return (
        stacked ? builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal)) : builder
      ).build()
    },
  }
}

/** Whether something is so, 1 or 0, over time: one line for each series. */
export function states(
  about: Omit<About, 'unit'>,
  queries: readonly Query[],
  [no, yes]: readonly [no: string, yes: string],
): PanelPlan {
  const mapping: ValueMap = {
    type: MappingType.ValueToText,
    options: { '0': { text: no, color: 'red', index: 0 }, '1': { text: yes, color: 'green', index: 1 } },
  }
  return {
    ...{ width: 12, height: 8 },
    build: () =>
      new TimelineBuilder()
        .title(about.title)
        .description(about.description)
        .datasource(DATASOURCE)
        .targets(queries.map((query, index) => target(refId(index), query)))
        .mappings([mapping])
        .thresholds(thresholds(['red', [1, 'green']]))
        .showValue(VisibilityMode.Never)
        .mergeValues(true)
        .noValue('none')
        .build(),
  }
}

/** The labels of all series that there are now, as columns. */
export function table(
  about: Omit<About, 'unit'>,
  { expr }: Query,
  columns: readonly string[],
  { width = FULL_WIDTH } = {},
): PanelPlan {
  const indexByName = Object.fromEntries(columns.map((name, index) => [name, index]))
  return {
    ...{ width, height: 6 },
    build: () =>
      new TableBuilder()
        .title(about.title)
        .description(about.description)
        .datasource(DATASOURCE)
        .withTarget(target('A', { expr, legend: '' }).instant().format(PromQueryFormat.Table))
        .transformations([
          { id: 'filterFieldsByName', options: { include: { names: [...columns] } } },
          { id: 'organize', options: { indexByName, excludeByName: {}, renameByName: {} } },
        ])
        .noValue('none')
        .build(),
  }
}

function target(id: string, { expr, legend }: Query): DataqueryBuilder {
  return new DataqueryBuilder().refId(id).datasource(DATASOURCE).expr(expr).legendFormat(legend).range()
}

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}

function thresholds([first, ...others]: Steps): ThresholdsConfigBuilder {
  const base: Threshold = { value: null, color: first }
  const steps = [base, ...others.map(([value, color]) => ({ value, color }))]
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps)
}

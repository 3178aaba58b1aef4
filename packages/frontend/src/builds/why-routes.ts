import { WhyAnswer } from '@copr/contract/api/why'
import { type Step, whyWaiting } from '@copr/domain/queue/why-waiting'
import { type Api, answer, open, pathPart } from '../http/answer.ts'
import { requireBuild } from '../api/find-or-404.ts'

/** Serves the reasons why a build is waiting. Copr's API has no such operation. */
export function whyRoutes(api: Api): void {
  const { db, config, now } = api.frontend

  answer(api, '/build/:build_id{[0-9]+}/why', {
    GET: open(
      {
        summary: 'Why a build waits: its position in the queue, and the reasons',
        answer: WhyAnswer,
      },
      async (c) => {
        const { id, state } = await requireBuild(db, Number(pathPart(c, 'build_id')))
        const steps = await whyWaiting(db, id, { limits: config.limits, now: now() })
        return c.json({ id, state, steps: steps.map(presentStep) } satisfies WhyAnswer)
      },
    ),
  })
}

function presentStep(step: Step): WhyAnswer['steps'][number] {
  return {
    ...step,
    reasons: step.reasons.map(({ since, ...reason }) => ({
      ...reason,
      since: since && Math.floor(since.getTime() / 1000),
    })),
  }
}

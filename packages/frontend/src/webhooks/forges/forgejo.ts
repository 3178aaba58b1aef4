import { z } from 'zod'
import { type ForgeParser, optionalShort, short } from './forge-event.ts'
import { parseGithubLike } from './github-like.ts'

const Sender = z.looseObject({ sender: z.looseObject({ login: short, html_url: optionalShort }) })

/** Forgejo, and Gitea, from which it was forked. Both also send each other's headers and GitHub's. */
export const forgejo: ForgeParser = {
  eventOf: (header) =>
    header('x-forgejo-event') ?? header('x-gitea-event') ?? header('x-github-event'),
  deliveryKey: (header) =>
    header('x-forgejo-delivery') ?? header('x-gitea-delivery') ?? header('x-github-delivery'),
  parse: (body, event) =>
    parseGithubLike(body, event, (from) => {
      const { login, html_url } = Sender.parse(from).sender
      return html_url ?? login
    }),
}

import { type MailEvent, PermissionEventData, WebhookEventData } from '@copr/contract/events'

export interface MailText {
  subject: string
  text: string
}

interface Site {
  public_url: string
  site_name: string
}

/** The reasons why a recipient gets a mail, as stated in the mail. */
const WHY: Record<MailEvent, string> = {
  'permission.requested': 'because you administer this project',
  'permission.changed': 'because your roles in this project changed',
  'webhook.disabled': 'because you administer this project',
}

/** Writes the plain text of a mail. */
export function mailText(event: MailEvent, data: Record<string, unknown>, site: Site): MailText {
  const { subject, lines, path } = contentOf(event, data)
  const footer = `You get this mail ${WHY[event]}. To get no mail from ${site.site_name}, change it on ${site.public_url}/user/info`
  return {
    subject: `[${site.site_name}] ${subject}`,
    text: [...lines, '', `${site.public_url}${path}`, '', footer, ''].join('\n'),
  }
}

interface Content {
  subject: string
  lines: string[]
  /** The path of the page on which the recipient can act. */
  path: string
}

function contentOf(event: MailEvent, data: Record<string, unknown>): Content {
  if (event === 'webhook.disabled') {
    const { ownername, projectname, url, reason } = WebhookEventData.parse(data)
    return {
      subject: `Webhook disabled in ${ownername}/${projectname}`,
      lines: [
        `The webhook ${url} of ${ownername}/${projectname} was disabled.`,
        reason,
        'Events that waited for it can be resent after it is enabled again.',
      ],
      path: `${projectPath(ownername, projectname)}/outgoing_webhooks/`,
    }
  }
  const { actor, username, ownername, projectname, roles } = PermissionEventData.parse(data)
  const project = `${ownername}/${projectname}`
  const path = `${projectPath(ownername, projectname)}/permissions/`
  const named = Object.entries(roles)
  if (event === 'permission.requested') {
    const wanted = named.filter(([, state]) => state === 'request').map(([role]) => role)
    const isRequest = wanted.length > 0
    return isRequest
      ? {
          subject: `${username} requests a role in ${project}`,
          lines: [`${username} requests the role ${wanted.join(' and ')} in ${project}.`],
          path,
        }
      : {
          subject: `${username} gave up a role in ${project}`,
          lines: [
            `${username} gave up the role ${named.map(([role]) => role).join(' and ')} in ${project}.`,
          ],
          path,
        }
  }
  return {
    subject: `Your roles in ${project} changed`,
    lines: [
      `${actor} changed your roles in ${project}:`,
      ...named.map(([role, state]) => `  ${role}: ${ROLE_TEXT[state] ?? state}`),
    ],
    path,
  }
}

const ROLE_TEXT: Record<string, string> = {
  approved: 'granted',
  nothing: 'not granted',
  request: 'requested',
}

function projectPath(ownername: string, projectname: string): string {
  const owner = ownername.startsWith('@') ? `g/${ownername.slice(1)}` : ownername
  return `/coprs/${owner}/${projectname}`
}

const BASE = "http://169.254.169.254/latest";
const LIMIT_MS = 1000;
/** The longest that the service grants: six hours. */
const TOKEN_SECONDS = 21_600;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * The instance metadata service, version 2 (link local; our servers allow no other version):
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
export class Imds {
  private token: string | undefined;

  constructor(private readonly fetchUrl: Fetch = fetch) {}

  /**
   * The value of an item such as `instance-id`; undefined when the instance has none. Takes seconds at most.
   *
   * @throws Error when the service does not answer, as on a machine that is no EC2 instance.
   */
  async get(item: string): Promise<string | undefined> {
    let response = await this.ask(item, this.token ?? (await this.renew()));
    if (response.status === 401) response = await this.ask(item, await this.renew());
    const text = (await response.text()).trim();
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`instance metadata ${item}: HTTP ${response.status}`);
    return text;
  }

  private ask(item: string, token: string): Promise<Response> {
    const headers = { "X-aws-ec2-metadata-token": token };
    return this.fetchUrl(`${BASE}/meta-data/${item}`, { headers, signal: AbortSignal.timeout(LIMIT_MS) });
  }

  private async renew(): Promise<string> {
    this.token = undefined;
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) };
    const init = { method: "PUT", headers, signal: AbortSignal.timeout(LIMIT_MS) };
    const response = await this.fetchUrl(`${BASE}/api/token`, init);
    if (!response.ok) throw new Error(`instance metadata token: HTTP ${response.status}`);
    this.token = (await response.text()).trim();
    return this.token;
  }
}

import type { ResourceValidationPolicy } from "@pulumi/policy";
import { text } from "../read";

const TYPES = ["aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"];

/** What a secret looks like. User data can be read by everybody who may describe the template, and from the server itself. */
const SECRETS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a WireGuard key", /\b(PrivateKey|PresharedKey)\s*[=:]\s*["']?[A-Za-z0-9+/]{43}=/i],
  // An unnamed value of that form: 32 bytes in base64. A digest in hexadecimal and an image's name have another form.
  ["what may be a WireGuard key", /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=(?![A-Za-z0-9+/=])/],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["an AWS access key", /\b(AKIA|ASIA)[A-Z0-9]{16}\b/],
  ["an AWS secret key", /aws_secret_access_key\s*[=:]\s*\S/i],
  ["a password", /\b(password|passwd|secret|token)["']?\s*[=:]\s*["']?[^\s"'$<{][^\s"']{5,}/i],
];

/** Keys come from the registry, with a role, after the boot. */
export const noSecretInUserData: ResourceValidationPolicy = {
  name: "no-secret-in-user-data",
  description:
    "User data holds no key, password or token: everybody who may describe the template can read it.",
  enforcementLevel: "mandatory",
  remediationSteps: "Fetch the secret at boot with the instance's role, as the agent does from the registry.",
  validateResource: ({ type, props }, report) => {
    if (!TYPES.includes(type)) return;
    const lines = userData(props).split("\n");
    for (const [index, line] of lines.entries()) {
      const found = SECRETS.find(([, pattern]) => pattern.test(line));
      if (found !== undefined) report(`user data line ${index + 1} holds ${found[0]}`);
    }
  },
};

function userData(props: unknown): string {
  const encoded = text(props, "userDataBase64");
  const value = encoded ?? text(props, "userData") ?? "";
  const decoded = Buffer.from(value, "base64");
  return encoded !== undefined || decoded.toString("base64") === value ? decoded.toString("utf8") : value;
}

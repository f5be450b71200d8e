/** Ranges of ports and addresses. Pure. */
import { Address4 } from "ip-address";

/** Whether the first range contains the second. */
export function coversRange(
  wide: { from: number; to: number },
  narrow: { from: number; to: number },
): boolean {
  return wide.from <= narrow.from && wide.to >= narrow.to;
}

/** Whether a text is an IPv4 range in canonical form: no bit set below the prefix, as EC2 stores it. */
export function isCanonicalRange(text: string): boolean {
  const [address, prefix, ...rest] = text.split("/");
  if (prefix === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefix) || !Address4.isValid(text))
    return false;
  return new Address4(text).startAddress().correctForm() === address;
}

/** Whether the second range lies inside of the first. */
export function coversAddresses(wide: string, narrow: string): boolean {
  return new Address4(narrow).isInSubnet(new Address4(wide));
}

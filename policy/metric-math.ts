/** CloudWatch's metric math as far as alarms on traffic use it: which power of the period an expression still has. Pure. */

/** Of a number in the text: it goes with whatever it is added to. */
const ANY = "any";
type Power = number | typeof ANY;

/** Terms of different powers are added: bytes per period and bytes per second, as when parentheses were lost. */
export class MixedUnits extends Error {}
/** Something that is not understood here. */
class NotUnderstood extends Error {}

/**
 * The power of the period in an expression's value: 1 for bytes per period, 0 for bytes per second.
 *
 * @param powerOf that of another query's value, by its id
 * @returns undefined where the expression has more than `+ - * / ( )`, numbers, ids and `PERIOD(id)`
 * @throws MixedUnits
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export function powerOfPeriod(
  expression: string,
  powerOf: (id: string) => number | undefined,
): number | undefined {
  const tokens = expression.match(/[A-Za-z_]\w*|\d+(\.\d+)?|\S/g) ?? [];
  try {
    const parser = new Parser(tokens, powerOf);
    const power = parser.sum();
    if (!parser.atEnd) return undefined;
    return power === ANY ? 0 : power;
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

class Parser {
  private at = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly powerOf: (id: string) => number | undefined,
  ) {}

  get atEnd(): boolean {
    return this.at === this.tokens.length;
  }

  sum(): Power {
    let power = this.product();
    while (this.take("+") || this.take("-")) {
      const other = this.product();
      if (power !== ANY && other !== ANY && power !== other) throw new MixedUnits();
      power = power === ANY ? other : power;
    }
    return power;
  }

  private product(): Power {
    let power = this.factor();
    for (;;) {
      const sign = this.take("*") ? 1 : this.take("/") ? -1 : 0;
      if (sign === 0) return power;
      const other = this.factor();
      if (power !== ANY || other !== ANY) power = number(power) + sign * number(other);
    }
  }

  private factor(): Power {
    if (this.take("-")) return this.factor();
    if (this.take("(")) return this.closed(this.sum());
    const token = this.tokens[this.at++] ?? "";
    if (/^\d/.test(token)) return ANY;
    if (token === "PERIOD" && this.take("(")) {
      this.at++;
      return this.closed(1);
    }
    const power = /^[a-z]/.test(token) ? this.powerOf(token) : undefined;
    if (power === undefined) throw new NotUnderstood();
    return power;
  }

  private closed(power: Power): Power {
    if (!this.take(")")) throw new NotUnderstood();
    return power;
  }

  private take(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }
}

const number = (power: Power): number => (power === ANY ? 0 : power);

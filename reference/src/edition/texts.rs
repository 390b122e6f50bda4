//! The Korean texts of the wire contract, to the letter, and the rejections that were added beside them.

use time::OffsetDateTime;

use crate::domain::Outcome;

/// No such product (400), or no products at all.
pub const NO_PRODUCT: &str = "상품 없음";
/// Answer to `PUT /item/:id`.
pub const STOCK_SET: &str = "수량 변경 완료";
/// Refusal of `PUT /item/:id`.
pub const STOCK_NOT_SET: &str = "수량 셋팅 실패";
/// Subject of a delivery message of the `shop` edition.
pub const DELIVERY_SUBJECT: &str = "수량 증가 요청";
/// Subject of a sales event.
pub const SALES_SUBJECT: &str = "판매 이벤트";
/// Nothing was done because there is too much to do (503).
pub const BUSY: &str = "요청이 많아 처리하지 못했습니다. 잠시 후 다시 시도해주세요";
/// It is not known what was done (500).
pub const UNKNOWN_RESULT: &str = "처리 결과를 확인할 수 없습니다. 같은 Idempotency-Key로 다시 시도해주세요";

/// What the `donut` edition calls its product in messages.
pub const DONUT: &str = "도너츠";

/// Subject of a stock request.
#[must_use]
pub fn stock_subject(product_name: &str) -> String {
    format!("{product_name} 재고 부족")
}

/// Message of a stock request, written at `now` (microseconds since the Unix epoch).
#[must_use]
pub fn stock_request(product_name: &str, now: i64) -> String {
    format!("{product_name} 재고가 없습니다. 제품을 생산해주세요!\n메시지 작성 시각: {}", utc(now))
}

/// Answer to a purchase.
#[must_use]
pub fn purchase(outcome: Outcome, stock_left: i64) -> String {
    match outcome {
        Outcome::Sold => format!("구매 완료! 남은 재고: {stock_left}"),
        Outcome::SoldOut => format!("구매 실패! 남은 재고: {stock_left}, 생산요청 진행중"),
    }
}

/// Answer to the factory's callback.
#[must_use]
pub fn restocked(stock: i64) -> String {
    format!("입고 완료! 남은 재고: {stock}")
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, from microseconds since the Unix epoch.
#[must_use]
pub fn utc(micros: i64) -> String {
    // Years beyond 9999 do not occur; should a clock say so, the epoch is as good an answer as any.
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{}T{:02}:{:02}:{:02}.{:03}Z", at.date(), at.hour(), at.minute(), at.second(), at.millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purchases_are_answered_to_the_letter() {
        assert_eq!(purchase(Outcome::Sold, 3), "구매 완료! 남은 재고: 3");
        assert_eq!(purchase(Outcome::SoldOut, 0), "구매 실패! 남은 재고: 0, 생산요청 진행중");
        assert_eq!(restocked(12), "입고 완료! 남은 재고: 12");
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(1_798_761_599_999_999), "2026-12-31T23:59:59.999Z");
    }
}

# Reference numbers for tests/core/test_analysis_reference.py, by R alone (Debian's r-base-core; made with R 4.2.2).
# Run in this folder: Rscript article.R    It reads article_cohort.csv and writes article_expected.csv.
options(digits = 17, warn = 1)
cohort <- read.csv("article_cohort.csv", stringsAsFactors = FALSE)
regions <- names(cohort)[7:16]
pairs <- sub("right_", "", grep("^right_", regions, value = TRUE))
out <- data.frame()
put <- function(table, row, column, quantity, value) {
  for (i in seq_along(value))
    out[nrow(out) + 1, c("table", "row", "column", "quantity", "value")] <<-
      list(table, row, column, quantity[i], sprintf("%.17g", value[i]))
}

# Noncentral distributions from central ones: R's own noncentral F stops at 1e-9, and its noncentral t warns.
root <- function(f, low, high) uniroot(f, c(low, high), tol = 1e-15, maxiter = 100000)$root
below <- function(t, df, d) {
  ends <- sqrt(c(qchisq(1e-18, df), qchisq(1e-18, df, lower.tail = FALSE)) / df)
  integrate(function(s) pnorm(t * s - d) * 2 * s * df * dchisq(s^2 * df, df), ends[1], ends[2], rel.tol = 1e-13, subdivisions = 5000)$value
}
ncp_t <- function(t, df) c(root(function(d) below(t, df, d) - 0.975, t - 15, t + 1), root(function(d) below(t, df, d) - 0.025, t - 1, t + 15))
poisson <- function(share) function(lambda) { j <- 0:4000; sum(dpois(j, lambda / 2) * share(j)) }
bounds <- function(cdf, top) sapply(c(0.975, 0.025), function(p) if (cdf(0) <= p) 0 else root(function(l) cdf(l) - p, 0, top))
ncp_f <- function(f, df1, df2) bounds(poisson(function(j) pbeta(df1 * f / (df1 * f + df2), df1 / 2 + j, df2 / 2)), 20 * df1 * f + 100)
ncp_chi <- function(x, df) bounds(poisson(function(j) pchisq(x, df + 2 * j)), 20 * x + 100)

# Table 2
for (region in regions) for (sex in c("all", "M", "F")) {
  v <- cohort[[region]][sex == "all" | cohort$sex == sex]
  q <- quantile(v, c(0.25, 0.5, 0.75), type = 7)
  put("describe", region, sex, c("n", "mean_cm3", "sd_cm3", "ci_low", "ci_high", "q1_cm3", "median_cm3", "q3_cm3", "min_cm3", "max_cm3"),
      c(length(v), mean(v), sd(v), t.test(v)$conf.int, q, min(v), max(v)))
}

# Tables 3 and 4
sex <- ifelse(cohort$sex == "M", 1, 2)
found <- list()
for (region in regions) {
  fit <- lm(cohort[[region]] ~ sex + cohort$age_years)
  s <- summary(fit)
  found[[region]] <- s$coefficients[, 4]
  for (i in 1:3) {
    term <- c("intercept", "sex", "age")[i]
    put("regression", region, term, c("coefficient", "standard_error", "t", "p", "ci_low", "ci_high", "residual_sd_cm3", "r_squared", "df"),
        c(s$coefficients[i, ], confint(fit)[i, ], s$sigma, s$r.squared, fit$df.residual))
    if (i > 1) {
      t <- s$coefficients[i, 3]; df <- fit$df.residual
      per <- s$coefficients[i, 2] / s$sigma
      lambda <- ncp_f(t^2, 1, df)
      put("regression", region, term, c("d", "d_low", "d_high", "partial_eta2", "partial_eta2_low", "partial_eta2_high"),
          c(s$coefficients[i, 1] / s$sigma, ncp_t(t, df) * per, t^2 / (t^2 + df), lambda / (lambda + df + 2)))
    }
  }
}
for (i in 1:3) {
  p <- sapply(found, function(x) x[i])
  for (k in seq_along(regions)) put("regression", regions[k], c("intercept", "sex", "age")[i], c("p_holm", "p_fdr"), c(p.adjust(p, "holm")[k], p.adjust(p, "BH")[k]))
}

# Spearman; the partial one by the residuals of ranks
fisher <- function(r, n, held) tanh(atanh(r) + c(-1, 1) * qnorm(0.975) * sqrt((1 + r^2 / 2) / (n - 3 - held)))
for (group in c("all", "M", "F")) {
  part <- cohort[group == "all" | cohort$sex == group, ]
  tests <- lapply(regions, function(region) cor.test(part[[region]], part$age_years, method = "spearman", exact = FALSE))
  p <- sapply(tests, function(x) x$p.value)
  for (k in seq_along(regions)) {
    rho <- tests[[k]]$estimate
    put("correlation", regions[k], group, c("n", "rho", "p", "p_holm", "p_fdr", "ci_low", "ci_high"),
        c(nrow(part), rho, p[k], p.adjust(p, "holm")[k], p.adjust(p, "BH")[k], fisher(rho, nrow(part), 0)))
  }
}
residual <- function(x) resid(lm(rank(x) ~ rank(sex)))
for (region in regions) {
  r <- cor(residual(cohort[[region]]), residual(cohort$age_years)); n <- nrow(cohort)
  t <- r * sqrt((n - 3) / (1 - r^2))
  put("correlation", region, "sex held", c("rho", "t", "p", "ci_low", "ci_high"), c(r, t, 2 * pt(-abs(t), n - 3), fisher(r, n, 1)))
}
few <- cohort[cohort$sex == "F", ]
few <- few[!duplicated(few$age_years), ][1:8, ]
put("few", "children", "", few$subject, match(few$subject, cohort$subject))
for (region in regions) put("few", region, "all", c("rho", "p"), unlist(cor.test(few[[region]], few$age_years, method = "spearman", exact = TRUE)[c("estimate", "p.value")]))

# Table 5
ps <- c()
for (pair in pairs) for (group in c("M", "F")) {
  r <- cohort[[paste0("right_", pair)]][cohort$sex == group]; l <- cohort[[paste0("left_", pair)]][cohort$sex == group]
  test <- t.test(r, l, paired = TRUE); n <- length(r); per <- sd(r - l) / ((sd(r) + sd(l)) / 2)
  z <- ncp_t(test$statistic, n - 1) / sqrt(n)
  put("hemispheres", pair, group, c("n", "right_mean_cm3", "right_sd_cm3", "left_mean_cm3", "left_sd_cm3", "difference_cm3", "difference_sd_cm3", "ci_low", "ci_high", "t", "df", "p", "d_z", "d_z_low", "d_z_high", "d_av", "d_av_low", "d_av_high"),
      c(n, mean(r), sd(r), mean(l), sd(l), mean(r - l), sd(r - l), test$conf.int, test$statistic, test$parameter, test$p.value,
        mean(r - l) / sd(r - l), z, mean(r - l) / ((sd(r) + sd(l)) / 2), z * per))
  ps[paste(pair, group)] <- test$p.value
}
for (pair in pairs) for (group in c("M", "F")) put("hemispheres", pair, group, c("p_holm", "p_fdr"), c(p.adjust(ps, "holm")[paste(pair, group)], p.adjust(ps, "BH")[paste(pair, group)]))

# Table 1: three sets, two pooled sets, two sites, two scanners (one of them rare)
effect_v <- function(table, chi) { m <- sum(table) * (min(dim(table)) - 1); c(sqrt(chi / m), sqrt(ncp_chi(chi, prod(dim(table) - 1)) / m)) }
sexes <- function(name, kind) {
  table <- table(factor(kind, unique(sort(kind))), cohort$sex)[, c("M", "F")]
  plain <- suppressWarnings(chisq.test(table, correct = FALSE))
  v <- effect_v(table, plain$statistic)
  put("groups", name, "χ² without correction", c("statistic", "df", "p", "effect_size", "effect_low", "effect_high"), c(plain$statistic, plain$parameter, plain$p.value, v))
  if (nrow(table) == 2) {
    yates <- suppressWarnings(chisq.test(table, correct = TRUE))
    put("groups", name, "χ² with Yates' correction", c("statistic", "df", "p"), c(yates$statistic, yates$parameter, yates$p.value))
    ratio <- table[1, 1] * table[2, 2] / (table[1, 2] * table[2, 1])
    put("fisher", name, "Fisher's exact", c("p", "effect_size", "effect_low", "effect_high"), c(fisher.test(table)$p.value, ratio, exp(log(ratio) + c(-1, 1) * qnorm(0.975) * sqrt(sum(1 / table)))))
  }
}
two <- function(name, a, b) {
  test <- t.test(a, b, var.equal = TRUE); n <- length(a) + length(b); k <- sqrt(1 / length(a) + 1 / length(b))
  s <- sqrt(((length(a) - 1) * var(a) + (length(b) - 1) * var(b)) / (n - 2))
  put("groups", name, "Student's t", c("n", "statistic", "df", "p", "difference", "difference_low", "difference_high", "effect_size", "effect_low", "effect_high"),
      c(n, test$statistic, test$parameter, test$p.value, mean(a) - mean(b), test$conf.int, (mean(a) - mean(b)) / s, ncp_t(test$statistic, n - 2) * k))
  test <- t.test(a, b); s2 <- (var(a) + var(b)) / 2; d <- (mean(a) - mean(b)) / sqrt(s2)
  v <- d^2 * (var(a)^2 / (length(a) - 1) + var(b)^2 / (length(b) - 1)) / (8 * s2^2) + (var(a) / (length(a) - 1) + var(b) / (length(b) - 1)) / s2
  put("groups", name, "Welch's t", c("statistic", "df", "p", "difference_low", "difference_high", "effect_size", "effect_low", "effect_high"),
      c(test$statistic, test$parameter, test$p.value, test$conf.int, d, d + c(-1, 1) * qnorm(0.975) * sqrt(v)))
}
for (test in list(TRUE, FALSE)) {
  f <- oneway.test(age_years ~ role, cohort, var.equal = test)
  put("groups", "set", if (test) "analysis of variance" else "Welch's analysis of variance", c("statistic", "df", "df2", "p"), c(f$statistic, f$parameter, f$p.value))
}
a <- anova(lm(age_years ~ role, cohort)); lambda <- ncp_f(a[1, 4], a[1, 1], a[2, 1])
put("groups", "set", "analysis of variance", c("effect_size", "effect_low", "effect_high"), c(a[1, 2] / sum(a[, 2]), lambda / (lambda + nrow(cohort))))
sexes("set", factor(cohort$role, c("train", "validation", "test")))
pooled <- ifelse(cohort$role == "test", "test", "train and validation")
two("set, pooled", cohort$age_years[pooled != "test"], cohort$age_years[pooled == "test"])
sexes("set, pooled", factor(pooled, c("train and validation", "test")))
two("site", cohort$age_years[cohort$site == "North"], cohort$age_years[cohort$site == "South"]); sexes("site", cohort$site)
two("scanner", cohort$age_years[cohort$scanner == "Alpha"], cohort$age_years[cohort$scanner == "Beta"]); sexes("scanner", cohort$scanner)

# The article's Table 1: p = 0.491 is Yates', without correction it is 0.455
article <- matrix(c(603, 223, 471, 190), 2)
put("article", "sex", "", c("plain", "yates"), c(chisq.test(article, correct = FALSE)$p.value, chisq.test(article)$p.value))
write.csv(out, "article_expected.csv", row.names = FALSE)

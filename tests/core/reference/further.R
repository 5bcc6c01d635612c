# Reference of the further tables: a planted cohort and what R makes of it. Run: Rscript further.R (in this folder).
# Debian 12: r-base-core 4.2.2, r-cran-lme4 1.1-31, r-bioc-sva 3.46.0, r-cran-pwr 1.3-0.
suppressMessages({library(lme4); library(sva); library(pwr)})
set.seed(20250424)
out <- data.frame(key = character(), value = numeric())
put <- function(key, value) out[nrow(out) + 1, ] <<- list(key, as.numeric(value))

# --- cohort: 240 children, four scanners, 40 children scanned twice -----------------------------------------------
regions <- c("right_frontal", "left_frontal", "right_parietal", "left_parietal", "right_occipital", "left_occipital",
             "right_temporal", "left_temporal", "cerebellum", "brainstem")
mean_cm3 <- c(180, 176, 128, 131, 52, 55, 98, 95, 105, 18)
n <- 240
child <- data.frame(subject = sprintf("R%03d", 1:n), sex = sample(c("M", "F"), n, TRUE, c(.55, .45)),
                    age = round(runif(n, 1.5, 2.5), 4), size = rnorm(n))
scans <- rbind(cbind(child, second = 0), cbind(child[1:40, ], second = 1))
scans$age <- round(scans$age + 0.4 * scans$second, 4)
scans$scanner <- sample(c("Alpha", "Beta", "Gamma", "Delta"), nrow(scans), TRUE, c(.4, .3, .2, .1))
shift <- c(Alpha = 0, Beta = 0.05, Gamma = -0.04, Delta = 0.02)[scans$scanner]
spread <- c(Alpha = 1, Beta = 1.5, Gamma = 0.7, Delta = 1.2)[scans$scanner]
for (i in seq_along(regions)) {
  m <- mean_cm3[i]
  scans[[regions[i]]] <- round(m * (1 - 0.06 * (scans$sex == "F") + 0.07 * (scans$age - 2) + 0.05 * scans$size +
    shift * (0.6 + 0.08 * i) + 0.04 * spread * rnorm(nrow(scans))), 3)
}
scans$intracranial <- round(1.25 * rowSums(scans[regions]) + rnorm(nrow(scans), 0, 25), 2)
scans$scan <- seq_len(nrow(scans))
scans$size <- NULL; scans$second <- NULL
write.csv(scans, "further_cohort.csv", row.names = FALSE, quote = FALSE)

# --- one scan of a child: adjusted, interaction, asymmetry --------------------------------------------------------
d <- read.csv("further_cohort.csv")
d$female <- as.numeric(d$sex == "F"); d$total <- rowSums(d[regions])
one <- d[!duplicated(d$subject), ]
one$centred <- one$age - mean(one$age)
terms <- function(prefix, fit) {
  s <- summary(fit)$coefficients; ci <- confint(fit); df <- fit$df.residual
  for (name in setdiff(rownames(s), "(Intercept)")) {
    put(paste(prefix, name, "estimate", sep = "|"), s[name, 1]); put(paste(prefix, name, "se", sep = "|"), s[name, 2])
    put(paste(prefix, name, "p", sep = "|"), s[name, 4]); put(paste(prefix, name, "low", sep = "|"), ci[name, 1])
    put(paste(prefix, name, "partial_eta2", sep = "|"), s[name, 3]^2 / (s[name, 3]^2 + df))
  }
}
for (region in regions) {
  y <- one[[region]]
  terms(paste("total", region, sep = "|"), lm(y ~ female + age + total, one))
  terms(paste("share", region, sep = "|"), lm(100 * y / total ~ female + age, one))
  terms(paste("skull", region, sep = "|"), lm(y ~ female + age + intracranial, one))
  terms(paste("product", region, sep = "|"), lm(y ~ female * centred, one))
  terms(paste("girls", region, sep = "|"), lm(y ~ I(1 - female) * centred, one))
}
# the partial eta-squared of one term is the drop in the residual sum of squares over what is left without it
full <- lm(right_frontal ~ female + age + total, one); less <- lm(right_frontal ~ age + total, one)
put("anova|right_frontal|partial_eta2", 1 - deviance(full) / deviance(less))
for (name in c("p_sex", "p_holm", "p_fdr")) {
  p <- sapply(regions, function(r) summary(lm(one[[r]] ~ female + age + total, one))$coefficients["female", 4])
  q <- switch(name, p_sex = p, p_holm = p.adjust(p, "holm"), p_fdr = p.adjust(p, "BH"))
  for (r in regions) put(paste(name, r, sep = "|"), q[r])
}
for (pair in c("frontal", "parietal", "occipital", "temporal")) {
  l <- one[[paste0("left_", pair)]]; r <- one[[paste0("right_", pair)]]; ai <- (l - r) / ((l + r) / 2)
  for (sex in c("all", "M", "F")) {
    x <- if (sex == "all") ai else ai[one$sex == sex]
    t <- t.test(x)
    put(paste("ai", pair, sex, "mean", sep = "|"), t$estimate); put(paste("ai", pair, sex, "p", sep = "|"), t$p.value)
    put(paste("ai", pair, sex, "low", sep = "|"), t$conf.int[1]); put(paste("ai", pair, sex, "d", sep = "|"), mean(x) / sd(x))
  }
  terms(paste("ai_model", pair, sep = "|"), lm(ai ~ female + age, one))
}

# --- mixed models: the scanner of one scan of a child, the child of all scans --------------------------------------
# (lme4 alone: nlme's lme stops at a variance of 0 in one of these twenty fits, below lme4's likelihood)
mixed <- function(prefix, region, data, group) {
  data$y <- data[[region]]; data$g <- data[[group]]
  fit <- lmer(y ~ female + age + (1 | g), data, REML = TRUE,
              control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))
  for (name in c("female", "age")) {
    put(paste(prefix, region, name, "estimate", sep = "|"), fixef(fit)[name])
    put(paste(prefix, region, name, "se", sep = "|"), sqrt(diag(as.matrix(vcov(fit))))[name])
  }
  put(paste(prefix, region, "sd_group", sep = "|"), as.data.frame(VarCorr(fit))$sdcor[1])
  put(paste(prefix, region, "sd_residual", sep = "|"), sigma(fit))
  plain <- lm(y ~ female + age, data)
  put(paste(prefix, region, "chi2", sep = "|"), 2 * as.numeric(logLik(fit, REML = TRUE) - logLik(plain, REML = TRUE)))
}
for (region in regions) { mixed("scanner", region, one, "scanner"); mixed("child", region, d, "subject") }

# --- ComBat, sex and age kept -------------------------------------------------------------------------------------
harmonized <- suppressMessages(ComBat(t(as.matrix(one[regions])), one$scanner, model.matrix(~ female + age, one)))
write.csv(data.frame(scan = one$scan, round(t(harmonized), 9)), "further_combat.csv", row.names = FALSE, quote = FALSE)

# --- complete against incomplete ----------------------------------------------------------------------------------
put("welch|p", t.test(one$age[1:200], one$age[201:240])$p.value)
put("welch|low", t.test(one$age[1:200], one$age[201:240])$conf.int[1])
put("fisher|p", fisher.test(table(one$sex, rep(1:2, c(200, 40))))$p.value)

# --- power --------------------------------------------------------------------------------------------------------
for (d_ in c(0.2, 0.5, 0.8)) for (n_ in c(10, 64, 200)) {
  put(paste("power_two", d_, n_, sep = "|"), power.t.test(n = n_, delta = d_, strict = TRUE)$power)
  put(paste("power_two_one_sided", d_, n_, sep = "|"), power.t.test(n = n_, delta = d_, alternative = "one.sided")$power)
  put(paste("power_paired", d_, n_, sep = "|"), power.t.test(n = n_, delta = d_, type = "paired", strict = TRUE)$power)
}
for (d_ in c(0.2, 0.5, 0.8)) {
  put(paste("n_two", d_, sep = "|"), power.t.test(delta = d_, power = 0.8, strict = TRUE)$n)
  put(paste("n_two_tests", d_, sep = "|"), power.t.test(delta = d_, power = 0.8, sig.level = 0.005, strict = TRUE)$n)
  put(paste("n_paired", d_, sep = "|"), power.t.test(delta = d_, power = 0.8, type = "paired", strict = TRUE)$n)
}
put("power_unequal|0.5|40|80", pwr.t2n.test(n1 = 40, n2 = 80, d = 0.5)$power)
# one predictor: pwr.f2.test's noncentrality f2 * (u + v + 1) is f2 * n
for (f2 in c(0.02, 0.15)) for (n_ in c(50, 300)) {
  put(paste("power_slope", f2, n_, sep = "|"), pwr.f2.test(u = 1, v = n_ - 2, f2 = f2)$power)
  # with one covariate, noncentrality f2 * n (G*Power), df n - 3
  put(paste("power_slope_covariate", f2, n_, sep = "|"), pf(qf(0.95, 1, n_ - 3), 1, n_ - 3, f2 * n_, lower.tail = FALSE))
}
out$value <- format(out$value, digits = 17, scientific = TRUE, trim = TRUE)
write.csv(out, "further_expected.csv", row.names = FALSE, quote = FALSE)

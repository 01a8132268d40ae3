args <- commandArgs(trailingOnly = TRUE)
words <- scan(args[1], what = "", quote = "", quiet = TRUE)
count <- sum(nchar(words) >= as.integer(args[3]))
writeLines(sprintf('{"words": %d}', count), args[2])
